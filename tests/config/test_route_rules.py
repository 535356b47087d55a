"""What a route's parts mean for each other: the advice for each mistake."""

import pytest

from tests.config.loading import read, refusal

HEAD = """
providers: {lab: {base_url: "http://lab/v1"}}
keys: [{name: team-a, key: sk-0123456789abcdef}]
models:
  big: {deployments: [{provider: lab, model: big}]}
  small:
    deployments: [{provider: lab, model: small}]
"""


def mistake(text: str) -> tuple[str, str, str | None, str | None]:
    (found,) = refusal(HEAD + text).mistakes
    return found.path, found.problem, found.allowed, found.nearest


@pytest.mark.parametrize(
    ("text", "path", "allowed", "nearest"),
    [
        ("    rules: [{use: bigg}]", "models.small.rules[0].use", "big", "big"),
        ("    rules: [{use: small}]", "models.small.rules[0].use", "big", None),
        (
            "    rules: [{use: big, when: {timezone: Europe/Berln}}]",
            "models.small.rules[0].when.timezone",
            "as Europe/Berlin",
            "Europe/Berlin",
        ),
        ("    rules: [{use: big, when: {keys: [team-b]}}]", "models.small.rules[0].when.keys[0]", "team-a", "team-a"),
        ("    mirror: {provider: lap, model: x}", "models.small.mirror.provider", "lab, or a shipped one", "lab"),
        (
            "    strategy: usage_based",
            "models.small.deployments[0]",
            "requests_per_minute, tokens_per_minute or both",
            None,
        ),
        (
            "  other: {deployments: [{provider: lab, model: x, concurrency: {start: 1}}]}\n"
            "  third: {deployments: [{provider: lab, model: x, concurrency: {start: 2}}]}",
            "models.third.deployments[0].concurrency",
            "the same, or none here",
            None,
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(
    text: str, path: str, allowed: str, nearest: str | None
) -> None:
    assert mistake(text)[0] == path
    assert mistake(text)[2:] == (allowed, nearest)


@pytest.mark.parametrize(
    "text",
    [
        "    rules: [{use: big, when: {timezone: Asia/Kathmandu, hours: '08:00-17:00', keys: [team-a]}}]",
        "    mirror: {provider: groq, model: x}",
        "  other: {deployments: [{provider: lab, model: x, concurrency: {start: 1}}]}\n"
        "  third: {deployments: [{provider: lab, model: x, concurrency: {start: 1}}, {provider: lab, model: y}]}",
        "  other: {strategy: usage_based, deployments: [{provider: lab, model: x, tokens_per_minute: 5}]}",
    ],
)
def test_what_is_right_loads(text: str) -> None:
    assert read(HEAD + text, environ={"GROQ_API_KEY": "x"}).models


def test_keys_that_only_the_database_knows_may_be_named() -> None:
    records = "    rules: [{use: big, when: {keys: [of-the-admin-api]}}]\nstate: {records: {}}"
    assert read(HEAD + records).state.records


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("    hedge: {}", "models.small.hedge", "another in deployments"),
        ("    broken_stream: continue", "models.small.broken_stream", "another in deployments, or error"),
    ],
)
def test_what_asks_a_second_deployment_needs_one(text: str, path: str, allowed: str) -> None:
    assert mistake(text)[::2] == (path, allowed)
