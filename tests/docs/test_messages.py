"""docs/messages.md says what is: its examples work, its table of errors is the code's."""

import re
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
import yaml

from adapters.messages.errors import type_of
from config.routing import Model
from tests.conftest import StartGateway
from tests.upstream import Upstream

PAGE = (Path(__file__).parent.parent.parent / "docs/messages.md").read_text()


def shown(language: str) -> str:
    """The first example in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_works(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(
        keys=[{"name": "page", "key": "sk-of-the-page"}],
        models={"fast": {"deployments": [{"provider": "scripted", "model": "talker"}]}},
    )
    script = shown("python").replace("http://127.0.0.1:8000", gateway.url).replace('"KEY"', '"sk-of-the-page"')
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "You said: What is the capital of France?\n", done.stderr


def test_the_configuration_is_one() -> None:
    msgspec.convert(yaml.safe_load(shown("yaml"))["models"], dict[str, Model])


def test_the_shown_error_is_json() -> None:
    assert msgspec.json.decode(shown("json"))["error"]["type"] == type_of(404)


@pytest.mark.parametrize("status", [int(status) for status in HTTPStatus if status >= 400] + [529])
def test_every_type_of_error_is_named_with_its_status(status: int) -> None:
    section = PAGE.partition("\n## Errors\n")[2]
    rows = dict(re.findall(r"^\| ([^|]+) \| `(\w+)` \|$", section, re.MULTILINE))
    named = {
        int(number): kind for numbers, kind in rows.items() for number in re.findall(r"\b[45]\d\d\b(?! on)", numbers)
    }
    others = "api_error" if status >= 500 else "invalid_request_error"
    assert type_of(status) == named.get(status, others)
