"""Loading texts in tests: the dialects there are, and the mistakes a text has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from adapters.inference.registry import SHIPPED, find
from config.loader import loads
from config.mistakes import ConfigError, Mistake
from config.schema import Config

OPTION_TYPES: dict[str, type[Struct]] = {dialect: find(dialect).options for dialect in SHIPPED}


def read(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> Config:
    """Load a text that has to be right."""
    return loads(text, option_types=OPTION_TYPES, environ=environ or {}, **more)


def refusal(text: str, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> ConfigError:
    """What loading a wrong text raises."""
    with pytest.raises(ConfigError) as raised:
        loads(text, option_types=OPTION_TYPES, environ=environ or {}, folder=folder)
    return raised.value


def mistakes(text: str, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> tuple[Mistake, ...]:
    """The mistakes of a wrong text."""
    return refusal(text, environ, folder).mistakes


def mistake(text: str, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Mistake:
    """The only mistake of a text."""
    (only,) = mistakes(text, environ, folder)
    return only
