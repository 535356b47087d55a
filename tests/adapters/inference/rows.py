"""The shipped rows, as an operator gets them who writes two lines."""

import re
from functools import cache
from typing import Any

import yaml

from config.catalogue import ROWS
from config.schema import Provider
from tests.config.loading import read

_TEXT = ROWS.read_text()
NAMES = tuple(yaml.safe_load(_TEXT))


@cache
def row(name: str, **changes: Any) -> Provider:
    """A shipped row, every variable set."""
    environ = {variable: "https://provider.test" for variable in re.findall(r"\$\{(\w+)\}", _TEXT)}
    return read(f"providers: {{{name}: {{}}}}", environ).providers[name]
