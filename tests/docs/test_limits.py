"""docs/limits.md says what is: its example loads and holds, its tables name what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.limits import CallLimits, Limit
from gateway.layers.limits import errors
from tests.config.loading import read
from tests.conftest import StartGateway
from tests.scenarios.raw import ask, chat
from tests.upstream import Upstream

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/limits.md").read_text()
KEY = "sk-of-the-page-0123456789"
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
CONFIG: dict[str, Any] = yaml.safe_load(EXAMPLE.replace("${TEAM_A_KEY}", KEY))


def test_the_example_loads() -> None:
    config = read(EXAMPLE, {"TEAM_A_KEY": KEY, "OPENAI_API_KEY": "sk-upstream-0123456789"})
    assert config.keys[0].limit is not None
    assert len(config.keys[0].limit.budgets) == 2


def test_the_example_answers_with_the_headers_of_the_page(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path
) -> None:
    price = {"prompt": 1.25, "completion": 10, "version": "2026-11-01"}
    gateway = start_gateway(
        keys=CONFIG["keys"],
        limits=CONFIG["limits"],
        state={"records": {"folder": str(tmp_path / "records")}},
        models={"gpt": {"deployments": [{"provider": "scripted", "model": "talker"}]}},
        facts={"scripted/talker": {"context": 400_000, "completion": 10_000, "prices": price}},
    )
    answer = ask(gateway.port, chat("gpt"), authorization=f"Bearer {KEY}")
    assert answer.status == 200
    shown = dict(line.split(": ") for line in re.findall(r"```http\n(.*?)```", PAGE, re.DOTALL)[0].splitlines())
    assert len(shown) == 6
    for name, value in shown.items():
        told = answer.header(name)
        assert told is not None
        if "-limit-" in name or name.endswith("remaining-requests"):
            assert told == value
    assert answer.header("x-isthmus-cost")


def test_every_field_is_named() -> None:
    fields = (*Limit.__struct_fields__, *CallLimits.__struct_fields__)
    assert not [name for name in fields if name not in PAGE]


@pytest.mark.parametrize("error", [errors.RateLimited, errors.BudgetReserved, errors.BudgetSpent])
def test_every_refusal_is_in_the_table(error: type[errors.RateLimited]) -> None:
    assert f"| `{error.code}` | `{error.type}` |" in PAGE


def test_every_counter_is_named() -> None:
    sources = [*(ROOT / "gateway/layers/limits").glob("*.py"), *(ROOT / "gateway/state/limits").glob("*.py")]
    counted = {name for source in sources for name in re.findall(r'\.add\("(\w+)"', source.read_text())}
    assert counted
    assert not [name for name in counted if f"`isthmus_{name}_total`" not in PAGE]
