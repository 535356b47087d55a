"""/v1/moderations through a running gateway, with OpenAI's SDK as the judge of the answers."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest
from openai.types.moderation import Categories

from tests.conftest import KEY, UPSTREAM_KEY
from tests.gateway_process import GatewayProcess
from tests.ledger import await_rows, rows_of
from tests.scenarios.scrape import Scrape
from tests.upstream import Case, Upstream, json_answer

THREAT = "I am going to kill you tomorrow."
HARMLESS = "The bakery opens at eight."
CATEGORIES = [info.alias or name for name, info in Categories.model_fields.items()]
NARROW = "sk-isthmus-no-moderations-0123456789"
ANSWER = {
    "id": "modr-1",
    "model": "omni-moderation-2024-09-26",
    "results": [
        {
            "flagged": True,
            "categories": dict.fromkeys(CATEGORIES, False) | {"violence": True},
            "category_scores": dict.fromkeys(CATEGORIES, 0.001) | {"violence": 0.97},
            "category_applied_input_types": {name: ["text"] for name in CATEGORIES} | {"violence": ["text", "image"]},
        }
    ],
    "unknown": {"kept": 1.0},
}


@pytest.fixture(scope="module")
def moderator(upstream: Upstream) -> Case:
    """A model of OpenAI's at a provider."""
    return upstream.on(json_answer(ANSWER))


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, moderator: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with the rules for whoever names no model, and a provider's moderation as `theirs`."""
    folder = tmp_path_factory.mktemp("moderations")
    config = {
        "server": {"port": 0},
        "keys": [
            {"name": "everything", "key": KEY},
            {"name": "narrow", "key": NARROW, "models": ["theirs"]},
            {"name": "limited", "key": KEY + "-limited", "limit": {"requests_per_minute": 1}},
        ],
        "providers": {"scripted": {"base_url": upstream.base_url, "api_key": UPSTREAM_KEY}},
        "models": {
            "theirs": {"deployments": [{"provider": "scripted", "model": moderator.name}]},
            "chat": {"deployments": [{"provider": "scripted", "model": "talker"}]},
        },
        "safety": {"checks": {"ours": {"type": "rules"}}, "moderation": "ours"},
        "state": {"records": {"folder": str(folder / "records")}},
    }
    with ExitStack() as stack:
        yield stack.enter_context(GatewayProcess(config, folder))


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK."""
    with openai.OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0) as made:
        yield made


def test_a_text_is_judged_in_every_category_of_openai(client: openai.OpenAI) -> None:
    answer = client.moderations.create(input=THREAT)
    (result,) = answer.results
    assert answer.id.startswith("modr-")
    assert answer.model == "ours"
    assert result.flagged
    assert result.categories.harassment_threatening
    assert result.category_scores.harassment_threatening > 0.5
    assert not result.categories.sexual
    told = result.to_dict()
    for part in ("categories", "category_scores", "category_applied_input_types"):
        members = told[part]
        assert isinstance(members, dict)
        assert set(members) == set(CATEGORIES)
    assert result.category_applied_input_types.violence == ["text"]


def test_each_text_of_an_array_has_a_result_of_its_own_in_order(client: openai.OpenAI) -> None:
    answer = client.moderations.create(input=[HARMLESS, THREAT, HARMLESS])
    assert [result.flagged for result in answer.results] == [False, True, False]


def test_parts_have_one_result_together(client: openai.OpenAI) -> None:
    parts: Any = [{"type": "text", "text": HARMLESS}, {"type": "text", "text": THREAT}]
    (result,) = client.moderations.create(input=parts, model="omni-moderation-latest").results
    assert result.flagged


def test_an_image_is_refused_by_a_check_that_can_not_see(client: openai.OpenAI) -> None:
    parts: Any = [{"type": "text", "text": HARMLESS}, {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]
    with pytest.raises(openai.BadRequestError) as refused:
        client.moderations.create(input=parts)
    assert (refused.value.code, refused.value.param) == ("unsupported_content", "input")


@pytest.mark.parametrize("model", ["ours", "omni-moderation-latest", "text-moderation-stable"])
def test_a_check_has_its_own_name_and_openais(client: openai.OpenAI, model: str) -> None:
    assert client.moderations.create(input=THREAT, model=model).results[0].flagged


def test_a_providers_moderation_passes_byte_for_byte(client: openai.OpenAI, moderator: Case) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "detail": "new"}]
    raw = client.moderations.with_raw_response.create(model="theirs", input=parts, extra_body={"made_up": [1]})
    assert raw.content == json.dumps(ANSWER, separators=(",", ":")).encode()
    assert raw.parse().results[0].category_applied_input_types.violence == ["text", "image"]
    sent = moderator.request()
    assert sent.line == "POST /v1/moderations HTTP/1.1"
    assert sent.json == {"input": parts, "model": moderator.name, "made_up": [1]}


def test_a_check_is_no_model_for_chats(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="ours", messages=[{"role": "user", "content": "Hello"}])


def test_a_key_needs_the_right_to_the_model_that_it_asks_for(gateway: GatewayProcess) -> None:
    narrow = openai.OpenAI(base_url=gateway.base_url, api_key=NARROW, max_retries=0)
    with pytest.raises(openai.PermissionDeniedError):
        narrow.moderations.create(input=HARMLESS)
    assert narrow.moderations.create(input=HARMLESS, model="theirs").results


def test_limits_count_what_a_check_answers(gateway: GatewayProcess) -> None:
    limited = openai.OpenAI(base_url=gateway.base_url, api_key=KEY + "-limited", max_retries=0)
    assert limited.moderations.create(input=HARMLESS).results
    with pytest.raises(openai.RateLimitError):
        limited.moderations.create(input=HARMLESS)


def test_metrics_count_what_a_check_answers(gateway: GatewayProcess, client: openai.OpenAI) -> None:
    before = Scrape(gateway)
    client.moderations.create(input=[HARMLESS, THREAT])
    after = Scrape(gateway)
    for name, labels, more in (
        ("requests_total", {"operation": "moderations", "route": "ours", "key": "everything", "status": "200"}, 1),
        ("safety_judgements_total", {"check": "ours", "result": "made"}, 2),
    ):
        assert after.sum(name, **labels) == before.sum(name, **labels) + more


def test_the_ledger_has_what_a_check_answers(gateway: GatewayProcess, client: openai.OpenAI) -> None:
    records = {"folder": str(gateway.config_file.parent / "records")}
    before = len(rows_of(records))
    client.moderations.create(input=HARMLESS)
    await_rows(records, before + 1)
    row = rows_of(records)[-1]
    told = (row["operation"], row["route"], row["provider"], row["cause"], row["status"], row["cost"])
    assert told == ("moderations", "ours", None, "check", 200, 0)
