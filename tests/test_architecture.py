"""The rules that keep the whole whole, as assertions."""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "adapters", "gateway")
MAY_IMPORT = {"config": {"config"}, "adapters": {"adapters", "config"}, "gateway": {"gateway", "adapters", "config"}}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "base"}
FILE_LINES = 400
FUNCTION_LINES = 60

SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass
class Source:
    """What the rules look at in a file."""

    imports: list[str] = field(default_factory=list)
    functions: dict[str, int] = field(default_factory=dict)
    """Lines of each."""
    attributes: set[str] = field(default_factory=set)
    constants: list[object] = field(default_factory=list)
    has_global: bool = False


@cache
def source(path: Path) -> Source:
    found = Source()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                found.imports += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                found.imports.append(module)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                assert node.end_lineno is not None
                found.functions[f"{node.name} at {node.lineno}"] = node.end_lineno - node.lineno
            case ast.Attribute():
                found.attributes.add(node.attr)
            case ast.Constant():
                found.constants.append(node.value)
            case ast.Global():
                found.has_global = True
    return found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in source(path).imports} & {*PACKAGES, "tests", "benchmarks"}
    assert ours <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_readable(path: Path) -> None:
    assert path.read_text().count("\n") <= FILE_LINES
    assert not {name: lines for name, lines in source(path).functions.items() if lines >= FUNCTION_LINES}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_named_for_nothing(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_global_statement(path: Path) -> None:
    assert not source(path).has_global


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nobody_waits_by_a_function_that_may_swallow_a_cancellation(path: Path) -> None:
    # https://github.com/python/cpython/issues/86296: so does asyncio.wait_for before 3.12; asyncio.timeout does not.
    assert "wait_for" not in source(path).attributes


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_httpx_serves_only_what_is_not_hot(path: Path) -> None:
    if any(name.split(".")[0] == "httpx" for name in source(path).imports):
        assert name_of(path) in {f"gateway/upstream/{name}.py" for name in ("fetch", "tokens", "transfer")}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_litestar_is_for_doors_and_the_root(path: Path) -> None:
    if any(name.split(".")[0] == "litestar" for name in source(path).imports):
        assert name_of(path).startswith(("gateway/api/", "gateway/app.py"))


@pytest.mark.parametrize("layer", sorted((ROOT / "gateway/layers").glob("*.py")), ids=name_of)
def test_layers_know_neither_each_other_nor_routing(layer: Path) -> None:
    forbidden = ("gateway.layers", "gateway.routing", "gateway.dispatch", "gateway.upstream", "gateway.api")
    assert not [name for name in source(layer).imports if name.startswith(forbidden)]


def test_no_provider_is_named_in_the_gateway() -> None:
    rows = yaml.safe_load((ROOT / "config/providers.yaml").read_text())
    for path in (ROOT / "gateway").rglob("*.py"):
        strings = {value for value in source(path).constants if isinstance(value, str)}
        assert not strings & set(rows), name_of(path)


def test_the_end_of_a_stream_is_written_down_once() -> None:
    end = b"data: [DONE]\n\n"
    written = [name_of(path) for path in SOURCES for value in source(path).constants if value == end]
    assert written == ["adapters/wire/stream_end.py"]
