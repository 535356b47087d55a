"""docs/vector-backends.md says what is: its example loads, its options and defaults are the code's."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from adapters.vector_io.registry import BACKENDS
from config.vector_stores import EMBEDDED, VectorStores

PAGE = (Path(__file__).parent.parent.parent / "docs/vector-backends.md").read_text()
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_the_example_loads() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    told: dict[str, Any] = yaml.safe_load(example)["vector_stores"]
    settings = msgspec.convert(told, VectorStores)
    for backend in settings.backends.values():
        msgspec.convert(backend.options, BACKENDS.find(backend.type).options)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_option_is_told_with_its_default(name: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", SECTIONS[name], re.MULTILINE)
    fields = {field.name: field for field in msgspec.structs.fields(BACKENDS.find(name).options)}
    assert {option for option, _ in rows} == set(fields)
    for option, default in rows:
        if fields[option].default not in (None, msgspec.NODEFAULT):
            assert default.strip("`") == str(fields[option].default), option


@pytest.mark.parametrize("name", SECTIONS)
def test_whether_workers_may_share_it_is_told(name: str) -> None:
    (shared,) = re.findall(rf"^\| `{name}` \| [^|]* \| (yes|no)", PAGE, re.MULTILINE)
    assert (shared == "no") == BACKENDS.find(name).one_process


def test_the_default_is_told() -> None:
    ((name, backend),) = EMBEDDED.items()
    assert f"`{name}`, of the type `{backend.type}`" in PAGE
