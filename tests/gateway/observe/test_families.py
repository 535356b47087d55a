"""Everything that is counted or held anywhere has a family, with as many labels."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.observe.families import EVENTS, FAMILIES, GAUGES, Family
from gateway.observe.tables import Tables
from tests.gateway.observe.test_metrics import samples

ROOT = Path(__file__).parent.parent.parent.parent
UNITS = ("seconds", "bytes", "usd")


def counted() -> Iterator[tuple[str, int]]:
    """The names that rooms count, as patterns, and how many labels each gives."""
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and re.search(r"counters\.add$|^count$", ast.unparse(node.func))
                and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
            ):
                yield pattern(node.args[0]), len(node.args) - 1


def pattern(name: ast.expr) -> str:
    parts = name.values if isinstance(name, ast.JoinedStr) else [name]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "[a-z_]+" for part in parts)


COUNTED = sorted(set(counted()))


@pytest.mark.parametrize(("name", "labels"), COUNTED)
def test_what_rooms_count_is_told(name: str, labels: int) -> None:
    assert labels in {len(family.labels) for family in EVENTS if re.fullmatch(name, family.name)}


@pytest.mark.parametrize("family", EVENTS, ids=lambda family: family.name)
def test_what_is_told_is_counted_somewhere(family: Family) -> None:
    assert [name for name, _ in COUNTED if re.fullmatch(name, family.name)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_follow_prometheus(family: Family) -> None:
    assert re.fullmatch(r"isthmus_[a-z_]+", family.shown)
    assert family.shown.endswith("_total") is (family.kind == "counter")
    assert family.kind != "histogram" or family.name.endswith((*UNITS, "tokens"))
    assert family.help.endswith(".")


def test_events_and_gauges_reach_prometheus() -> None:
    events = {(family.name, *family.labels): 2.0 for family in EVENTS}
    gauges = {(family.name, *family.labels): 3.0 for family in GAUGES}
    told = samples(Tables(events=events, gauges=gauges))
    for family in (*EVENTS, *GAUGES):
        labels = frozenset((label, label) for label in family.labels)
        assert told[family.shown, labels] == (2.0 if family in EVENTS else 3.0)
