"""docs/guardrails.md says what is: its example works, its tables are the code's."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from adapters.safety.registry import CHECKS
from config.safety import Guardrail, Guardrails
from tests.conftest import StartGateway
from tests.scenarios.raw import ask
from tests.upstream import Upstream

PAGE = (Path(__file__).parent.parent.parent / "docs/guardrails.md").read_text()
(EXAMPLE,) = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_example_does_what_the_page_says(start_gateway: StartGateway, upstream: Upstream) -> None:
    model = EXAMPLE["models"]["chat"] | {"deployments": [{"provider": "scripted", "model": "talker"}]}
    gateway = start_gateway(safety=EXAMPLE["safety"], models={"chat": model})
    (body,) = re.findall(r"-d '(.*?)'", PAGE)
    answer = ask(gateway.port, body.encode())
    assert upstream.unscripted[-1].json["messages"][0]["content"] == "Say hello to <EMAIL_ADDRESS>"
    assert f"x-isthmus-guardrails: {answer.header('x-isthmus-guardrails')}\n" in PAGE


@pytest.mark.parametrize("kind", [Guardrail, Guardrails])
def test_every_setting_is_named_with_its_default(kind: Any) -> None:
    told = dict(re.findall(r"\| `(\w+)` \| (.*?) \|", PAGE))
    for field in msgspec.structs.fields(kind):
        if field.name in ("input", "output", "messages"):
            assert f"`{field.name}" in PAGE
        elif isinstance(field.default, bool | int | str):
            assert told[field.name].strip("`") == str(field.default).lower()
        else:
            assert field.name in told


@pytest.mark.parametrize("name", ["pii", "pii_patterns", "code_scanner", "bedrock_guardrails"])
def test_every_option_of_the_checks_is_named_with_its_default(name: str) -> None:
    section = PAGE.partition(f"**`{name}`**")[2].partition("\n**`")[0]
    for field in msgspec.structs.fields(CHECKS.find(name).options):
        assert f"`{field.name}`" in section
        if isinstance(field.default, int | float):
            assert re.search(rf"\| `{field.name}` \| {field.default} \|", section)
