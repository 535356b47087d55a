"""docs/routing.md: its examples load, its tables name what there is."""

import re
from pathlib import Path
from typing import get_args

import pytest

from config.routing import Strategy, When
from gateway.observe.families import FAMILIES
from tests.config.loading import read

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ENVIRON = dict.fromkeys(("OPENAI_API_KEY", "GROQ_API_KEY", "NIGHTLY_KEY"), "value-of-the-page-0123456789")


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str) -> None:
    assert read(text, ENVIRON).models


def first_cells(heading: str) -> list[str]:
    """The first column of a section's table, without its head."""
    section = PAGE.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_strategy_is_explained() -> None:
    assert first_cells("Strategies")[1:] == list(get_args(Strategy))


def test_every_condition_is_explained() -> None:
    assert first_cells("Rules: another name for some calls") == [
        name for name in When.__struct_fields__ if name != "timezone"
    ]


def test_every_metric_exists() -> None:
    assert set(re.findall(r"`(isthmus_\w+)`", PAGE)) <= {family.shown for family in FAMILIES}
