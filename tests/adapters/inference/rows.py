"""The shipped rows of OpenAI's dialect, as an operator gets them who writes two lines."""

import re
from functools import cache

import yaml

from adapters.inference.azure import ADAPTER as AZURE
from adapters.inference.openai import ADAPTER as OPENAI
from config.catalogue import ROWS
from config.loader import loads
from config.schema import Provider

_TEXT = ROWS.read_text()
_OPTION_TYPES = {adapter.name: adapter.options for adapter in (AZURE, OPENAI)}
NAMES = tuple(name for name, said in yaml.safe_load(_TEXT).items() if said.get("dialect", "openai") in _OPTION_TYPES)


@cache
def row(name: str) -> Provider:
    """A shipped row, every variable set."""
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", _TEXT), "https://provider.test")
    return loads(f"providers: {{{name}: {{}}}}", option_types=_OPTION_TYPES, environ=environ).providers[name]
