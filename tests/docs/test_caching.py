"""docs/caching.md says what is: its examples work, its tables are the code's."""

import re
from pathlib import Path
from typing import Any

import yaml

from config.caching import Cache, CacheStore, Semantic
from tests.conftest import StartGateway
from tests.scenarios.raw import ask
from tests.upstream import Upstream

PAGE = (Path(__file__).parent.parent.parent / "docs/caching.md").read_text()
EXAMPLES: list[Any] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_first_example_answers_the_second_time(start_gateway: StartGateway, upstream: Upstream) -> None:
    cache = EXAMPLES[0]["models"]["fast"]["cache"]
    deployments = [{"provider": "scripted", "model": "talker"}]
    gateway = start_gateway(models={"fast": {"deployments": deployments, "cache": cache}})
    (body,) = re.findall(r"-d '(.*?)'", PAGE)
    answers = [ask(gateway.port, body.encode()) for _ in range(2)]
    assert [answer.header("x-isthmus-cache") for answer in answers] == ["miss", "hit"]
    assert answers[1].header("age") is not None


def test_every_setting_is_named_with_its_default() -> None:
    for name in Cache.__struct_fields__:
        assert f"| `{name}` |" in PAGE
    assert "| `ttl` | 3600 |" in PAGE
    assert Cache().ttl == 3_600
    (store,) = [example["cache"] for example in EXAMPLES if "cache" in example]
    assert CacheStore(**store) == CacheStore()


def test_the_settings_of_other_words_exist() -> None:
    (semantic,) = [
        model["cache"]["semantic"]
        for example in EXAMPLES
        for model in example.get("models", {}).values()
        if "semantic" in model.get("cache", {})
    ]
    assert Semantic(**semantic) == Semantic(embedding="embed")
    assert f"`characters` ({Semantic(embedding='x').characters})" in PAGE
