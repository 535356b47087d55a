"""What the commands share: reading the configuration and telling what is wrong with it."""

import logging
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from adapters.inference import registry
from config.loader import load
from config.mistakes import ConfigError, UnusableDialect
from config.schema import Config

log = logging.getLogger("isthmus.configuration")

_DEFAULT_FILE = Path("isthmus.yaml")


def file_of(arguments: Namespace) -> Path | None:
    """The configuration file that the command line means, None for the embedded default."""
    given: Path | None = arguments.config
    if given is None and _DEFAULT_FILE.exists():
        return _DEFAULT_FILE
    return given


def read(path: Path | None, server: dict[str, str | int] | None = None, *, strict: bool = False) -> Config:
    """Read a configuration; `server` holds what the command line says of that section.

    Raises ConfigError, where it is `strict` also for a dialect that can't be used.
    """
    registry.refresh()
    return load(path, option_types=_OptionTypes(strict), server=server)


def reread(path: Path | None, server: dict[str, str | int]) -> Config:
    """Read it again while the gateway runs. Raises ConfigError."""
    config = read(path, server)
    log_faults(config)
    return config


def log_faults(config: Config) -> None:
    """Name what is wrong with who offers the configured dialects, a line each: the gateway serves without them."""
    users: dict[str, list[str]] = {}
    for name, provider in config.providers.items():
        users.setdefault(provider.dialect, []).append(name)
    for dialect, providers in users.items():
        if fault := registry.fault(dialect):
            log.error("%s (providers: %s)", fault, ", ".join(providers))


class _OptionTypes(Mapping[str, type[Struct] | None]):
    """The types of the options of every dialect; each is found, and imported, when somebody asks for it."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def __getitem__(self, dialect: str) -> type[Struct] | None:
        if self._strict and (fault := registry.fault(dialect)):
            raise fault
        try:
            return registry.find(dialect).options
        except UnusableDialect:
            return None

    def __contains__(self, dialect: object) -> bool:
        return isinstance(dialect, str) and registry.is_known(dialect)

    def __iter__(self) -> Iterator[str]:
        return iter(registry.names())

    def __len__(self) -> int:
        return len(registry.names())


def complain(error: ConfigError) -> int:
    """Say what is wrong; give the exit code."""
    print(error, file=sys.stderr)
    return 2
