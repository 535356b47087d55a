"""Conditions that send a call to another route, and canaries, through a running gateway."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from tests.conftest import KEY, NARROW_KEY, StartGateway
from tests.scenarios.deployments import answering, deployments
from tests.scenarios.raw import ask, chat
from tests.upstream import Upstream, json_answer

Went: TypeAlias = Callable[..., bool]

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
TALKS_OF_PICTURES = {"role": "user", "content": 'Is {"type": "image_url"} JSON? And "image"?'}


def said(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Look."}, *parts]}]}


@pytest.fixture
def went_elsewhere(start_gateway: StartGateway, upstream: Upstream) -> Callable[..., Went]:
    """A gateway with these conditions; it says whether a call went to the other route."""

    def start(share: float = 1, **when: Any) -> Went:
        here, there = answering(upstream, 2)
        rule = {"use": "other", "share": share, "when": when}
        models = {
            "m": {"deployments": deployments([here]), "rules": [rule]},
            "other": {"deployments": deployments([there]), "rules": [{"use": "m"}]},
        }
        keys = [{"name": "team-a", "key": KEY}, {"name": "team-b", "key": NARROW_KEY}]
        gateway = start_gateway(models=models, keys=keys)

        def went(key: str = KEY, headers: dict[str, str] | None = None, **fields: Any) -> bool:
            answer = ask(gateway.port, chat("m", **fields), authorization=f"Bearer {key}", **(headers or {}))
            assert answer.status == 200, answer.body
            assert answer.header("x-isthmus-model") in (here.name, there.name)
            return answer.header("x-isthmus-model") == there.name

        return went

    return start


def test_by_header(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(headers={"X-Tier": "gold*"})
    assert went(headers={"x_tier": "gold-plus"})
    assert not went(headers={"x_tier": "silver"})
    assert not went(headers={"x_tier": "old gold"})
    assert not went()


def test_by_metadata(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(metadata={"product": "search", "stage": "*"})
    assert went(metadata={"product": "search", "stage": "live", "more": "x"})
    assert not went(metadata={"product": "search"})
    assert not went(metadata={"product": "mail", "stage": "live"})
    assert not went()


def test_by_key(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(keys=["team-b"])
    assert went(NARROW_KEY)
    assert not went(KEY)


@pytest.mark.parametrize(
    ("need", "needing", "others"),
    [
        ("vision", said(PICTURE), [said(), {"messages": [TALKS_OF_PICTURES]}, said(SOUND)]),
        ("audio", said(SOUND), [said(), said(PICTURE), {"modalities": ["text"]}]),
        ("audio", {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, [said()]),
        ("tools", {"tools": [TOOL]}, [said(), {"tools": []}]),
        ("structured_outputs", {"response_format": SCHEMA}, [said(), {"response_format": {"type": "json_object"}}]),
        ("reasoning", {"reasoning_effort": "high"}, [said(), {"reasoning_effort": "none"}]),
    ],
)
def test_by_what_the_model_must_be_able_to_do(
    went_elsewhere: Callable[..., Went], need: str, needing: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    went = went_elsewhere(needs=[need])
    assert went(**needing)
    assert [went(**other) for other in others] == [False] * len(others)


def test_by_the_tokens_of_the_prompt(went_elsewhere: Callable[..., Went]) -> None:
    """`word ` is a token, and three of a message and of the answer come on top."""
    went = went_elsewhere(tokens_over=1_000)
    assert not went(messages=[{"role": "user", "content": "word " * 100}])
    assert not went(messages=[{"role": "user", "content": "word " * 990}])
    assert went(messages=[{"role": "user", "content": "word " * 1_000}])
    assert went(messages=[{"role": "user", "content": "word " * 40_000}])


def test_each_model_counts_tokens_in_its_own_way(start_gateway: StartGateway, upstream: Upstream) -> None:
    """The same Russian text has 1,441 tokens for gpt-4 (cl100k_base) and 722 for gpt-4o (o200k_base)."""
    text = "съешь же ещё этих мягких французских булок, да выпей чаю. " * 40
    other = upstream.on(json_answer({}))
    rules = [{"use": "long", "when": {"tokens_over": 1_100}}]
    routes = {
        name: {"deployments": [{"provider": "scripted", "model": name}], "rules": rules} for name in ("gpt-4", "gpt-4o")
    }
    long = {"deployments": [{"provider": "scripted", "model": other.name}]}
    gateway = start_gateway(models={**routes, "long": long})
    asked = {name: ask(gateway.port, chat(name, messages=[{"role": "user", "content": text}])) for name in routes}
    assert {name: answer.header("x-isthmus-model") for name, answer in asked.items()} == {
        "gpt-4": other.name,
        "gpt-4o": "gpt-4o",
    }


def test_pictures_are_no_tokens_of_text(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(tokens_over=100)
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 100_000}"}}
    assert not went(**said(picture))


def test_by_the_time_of_day_somewhere(went_elsewhere: Callable[..., Went]) -> None:
    """Kiritimati is 14 hours ahead of UTC, all year."""
    there = datetime.now(UTC) + timedelta(hours=14)
    hour = timedelta(hours=1)
    around = f"{there - hour:%H:%M}-{there + hour:%H:%M}"
    later = f"{there + hour:%H:%M}-{there + 2 * hour:%H:%M}"
    assert went_elsewhere(hours=around, timezone="Pacific/Kiritimati")()
    assert not went_elsewhere(hours=later, timezone="Pacific/Kiritimati")()
    assert not went_elsewhere(hours=around, timezone="UTC")()


def test_all_conditions_must_hold(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(keys=["team-a"], needs=["tools", "vision"], headers={"x-tier": "*"})
    assert went(headers={"x_tier": "any"}, tools=[TOOL])
    assert not went(tools=[TOOL])
    assert not went(headers={"x_tier": "any"})
    assert not went(NARROW_KEY, headers={"x_tier": "any"}, tools=[TOOL])


def test_a_canary_gets_its_share_and_every_prompt_stays_on_its_side(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(0.25)
    prompts = [[{"role": "user", "content": f"Question {n}"}] for n in range(200)]
    sides = [went(messages=prompt) for prompt in prompts]
    assert sum(sides) == pytest.approx(50, abs=25)
    assert [went(messages=prompt) for prompt in prompts] == sides
    assert [went(NARROW_KEY, messages=prompt) for prompt in prompts] != sides


def test_a_share_of_nothing_goes_nowhere(went_elsewhere: Callable[..., Went]) -> None:
    went = went_elsewhere(0)
    assert not any(went(messages=[{"role": "user", "content": str(n)}]) for n in range(20))


def test_the_first_rule_that_fits_counts(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = answering(upstream, 3)
    rules = [{"use": "none", "share": 0}, {"use": "first", "when": {"headers": {"x-a": "1"}}}, {"use": "second"}]
    models = {
        "m": {"deployments": deployments(cases[:1]), "rules": rules},
        "none": {"deployments": deployments(cases[:1])},
        "first": {"deployments": deployments(cases[1:2])},
        "second": {"deployments": deployments(cases[2:])},
    }
    gateway = start_gateway(models=models)
    assert ask(gateway.port, chat("m"), x_a="1").header("x-isthmus-model") == cases[1].name
    assert ask(gateway.port, chat("m")).header("x-isthmus-model") == cases[2].name
