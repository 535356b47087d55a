"""docs/http.md says what is: its example works, its tables are the code's."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from config.schema import Limits, Provider, Timeouts
from gateway.api.openapi import description
from tests.conftest import StartGateway
from tests.upstream import Upstream

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/http.md").read_text()
KEY = "sk-of-the-page-0123456789"
NEVER_TOLD = {"client_left", "permission_denied"}
"""Codes that nobody meets: that of a client that has gone, and one that every use replaces."""
UNITS = {"KiB": 1024, "MiB": 1024**2, "s": 1}


def rows(section: str) -> list[list[str]]:
    """The cells of the first table in a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def quoted(cell: str) -> str:
    return cell.strip("`")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_example_works_and_answers_as_shown(start_gateway: StartGateway, upstream: Upstream) -> None:
    command, shown = re.findall(r"```(?:sh|http)\n(.*?)```", PAGE, re.DOTALL)[:2]
    gateway = start_gateway(
        keys=[{"name": "page", "key": KEY}],
        models={"fast": {"deployments": [{"provider": "scripted", "model": "talker"}]}},
    )
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", gateway.url)],
        env={**os.environ, "ISTHMUS_KEY": KEY},
        capture_output=True,
        text=True,
    )
    head, _, body = done.stdout.replace("\r", "").partition("\n\n")
    lines = shown.strip().splitlines()
    assert head.splitlines()[0] == lines[0]
    assert {line.partition(":")[0] for line in lines[1:]} <= {line.partition(":")[0] for line in head.splitlines()}
    assert msgspec.json.decode(body)["choices"][0]["message"]["content"] == "You said: What is the capital of France?"


def test_the_endpoints_are_those_of_the_description() -> None:
    paths = msgspec.json.decode(description(with_keys=True))["paths"]
    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert {quoted(row[0]).replace("{id}", "{model}") for row in rows("Endpoints")} == described


def codes(path: Path) -> set[str]:
    """Every code that a file gives to an error."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        value = node.value if isinstance(node, ast.keyword) and node.arg == "code" else None
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "code" for t in node.targets):
            value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found.add(value.value)
    return found


def test_every_code_of_the_gateway_is_explained_and_no_other() -> None:
    files = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]
    told = set[str]().union(*(codes(path) for path in files if "local" not in path.parts))
    explained = {quoted(row[2]) for row in rows("Errors")} - {"none"}
    assert explained == told - NEVER_TOLD


def test_every_limit_is_named_with_its_default() -> None:
    told = {quoted(row[0]): row[1] for row in rows("Limits")}
    for section, defaults in (("limits", Limits()), ("timeouts", Timeouts())):
        for name in defaults.__struct_fields__:
            assert amount(told.pop(f"server.{section}.{name}")) == getattr(defaults, name), name
    for name in ("connections", "queue"):
        assert amount(told.pop(f"providers.*.{name}")) == getattr(Provider(), name)
    assert not told


def amount(written: str) -> float:
    number, _, unit = written.partition(" ")
    return int(number.replace(",", "")) * UNITS.get(unit, 1)
