"""What the commands share: reading the configuration and telling what is wrong with it."""

import sys
from argparse import Namespace
from pathlib import Path

from msgspec import Struct

from adapters.inference import ADAPTERS
from config.loader import load
from config.mistakes import ConfigError
from config.schema import Config

_DEFAULT_FILE = Path("isthmus.yaml")


def file_of(arguments: Namespace) -> Path | None:
    """The configuration file that the command line means, None for the embedded default."""
    given: Path | None = arguments.config
    if given is None and _DEFAULT_FILE.exists():
        return _DEFAULT_FILE
    return given


def read(path: Path | None, server: dict[str, str | int] | None = None) -> Config:
    """Read a configuration; `server` holds what the command line says of that section. Raises ConfigError."""
    return load(path, option_types=option_types(), server=server)


def option_types() -> dict[str, type[Struct]]:
    """The known dialects and the types of their options."""
    return {name: adapter.options for name, adapter in ADAPTERS.items()}


def complain(error: ConfigError) -> int:
    """Say what is wrong; give the exit code."""
    print(error, file=sys.stderr)
    return 2
