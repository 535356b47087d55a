"""docs/moderations.md says what is: its examples work, its tables are the code's and the benchmark's."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.safety.llama_guard.taxonomy import HAZARDS
from adapters.safety.registry import CHECKS
from adapters.wire.moderation import CHARACTERS_MAX, INPUTS_MAX
from benchmarks.moderation.__main__ import judge, table
from benchmarks.moderation.texts import read_texts
from config.safety import MODERATION_MODELS
from tests.config.loading import read
from tests.conftest import StartGateway

PAGE = (Path(__file__).parent.parent.parent / "docs/moderations.md").read_text()
EXAMPLES: list[Any] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_first_example_prints_what_it_says(start_gateway: StartGateway) -> None:
    gateway = start_gateway(safety={"checks": {"rules": {"type": "rules"}}})
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"```\n(True.*?)```", PAGE, re.DOTALL)
    program = program.replace("http://127.0.0.1:8000", gateway.url)
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == printed


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_configurations_load(example: Any) -> None:
    checks = example["safety"]["checks"]
    read(
        yaml.safe_dump({"providers": {"groq": {}, "openai": {}}} | example),
        {"GROQ_API_KEY": "a", "OPENAI_API_KEY": "b"},
    )
    assert all(CHECKS.is_known(check["type"]) for check in checks.values())


def test_the_figures_of_the_rules_are_the_benchmarks() -> None:
    texts = list(read_texts())
    found = asyncio.run(judge("rules", texts))
    for line in table(list(zip(texts, found, strict=True))):
        assert line in PAGE
    assert f"{len(texts)} short texts" in PAGE


def test_hazards_bounds_names_and_options_are_the_codes() -> None:
    for code, hazard in HAZARDS.items():
        said = ", ".join(f"`{name}`" for name in hazard.categories)
        assert f"| {code} | {hazard.title} | {said} |" in PAGE
    assert f"{INPUTS_MAX:,} texts" in PAGE
    assert f"{CHARACTERS_MAX:,} characters" in PAGE
    assert all(f"`{name}`" in PAGE for name in MODERATION_MODELS)
    for kind in ("rules", "classifier", "llama_guard", "prompt_guard", "injection_rules", "openai"):
        (row,) = re.findall(rf"^\| `{kind}` \|.*$", PAGE, re.MULTILINE)
        assert all(f"`{name}`" in row for name in CHECKS.find(kind).options.__struct_fields__)
