"""Answers that are given again: to the same question, in any form, to the same owner, as long as they are good."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, ask, chat
from tests.scenarios.test_reload import reload
from tests.upstream import Case, Upstream, event_stream, frame, json_answer

ALICE, ALICES_OTHER, BOB = "sk-alice-0123456789", "sk-alice-other-0123456789", "sk-bob-0123456789"
KEYS = [
    {"name": "alice", "key": ALICE, "owner": "alice"},
    {"name": "alices-other", "key": ALICES_OTHER, "owner": "alice"},
    {"name": "bob", "key": BOB},
]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return frame(told)


STREAM = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Pa"}),
    chunk({"content": "ris."}),
    chunk({}, "stop"),
    frame("[DONE]"),
)


def config(case: Case, **cache: Any) -> dict[str, Any]:
    deployments = [{"provider": "scripted", "model": case.name}]
    return {"keys": KEYS, "models": {"m": {"deployments": deployments, "cache": cache}}}


@pytest.fixture
def whole(upstream: Upstream) -> Case:
    """A model that answers at once."""
    return upstream.on(json_answer(ANSWER))


@pytest.fixture
def streamed(upstream: Upstream) -> Case:
    """A model that answers in pieces."""
    return upstream.on(event_stream(*STREAM))


@pytest.fixture
def cached(start_gateway: StartGateway, whole: Case) -> Iterator[GatewayProcess]:
    """A gateway that caches it."""
    return start_gateway(**config(whole))


def get(gateway: GatewayProcess, key: str = ALICE, cache_control: str = "", **extra: Any) -> Answer:
    return ask(gateway.port, chat("m", **extra), authorization=f"Bearer {key}", cache_control=cache_control)


def test_a_repeated_request_is_answered_from_the_cache(cached: GatewayProcess, whole: Case) -> None:
    first, second = get(cached), get(cached)
    assert [first.header("x-isthmus-cache"), second.header("x-isthmus-cache")] == ["miss", "hit"]
    assert second.body == first.body
    assert second.header("age") == "0"
    assert second.header("x-request-id") != first.header("x-request-id")
    assert len(whole.requests) == 1


def test_owners_share_among_their_keys_and_not_with_others(cached: GatewayProcess, whole: Case) -> None:
    get(cached, ALICE)
    assert get(cached, ALICES_OTHER).header("x-isthmus-cache") == "hit"
    assert get(cached, BOB).header("x-isthmus-cache") == "miss"
    assert len(whole.requests) == 2


@pytest.mark.parametrize(
    ("said", "cache", "status"),
    [
        ("no-cache", "bypass", 200),
        ("no-store", "bypass", 200),
        ("max-age=3600", "hit", 200),
        ("max-age=0, only-if-cached", None, 504),
        ("only-if-cached", "hit", 200),
        ("no-transform", "hit", 200),
    ],
)
def test_a_client_says_what_it_takes(cached: GatewayProcess, said: str, cache: str | None, status: int) -> None:
    get(cached)
    answer = get(cached, cache_control=said)
    assert answer.status == status
    assert answer.header("x-isthmus-cache") == cache


def test_only_if_cached_is_a_504_where_nothing_is(cached: GatewayProcess, whole: Case) -> None:
    answer = get(cached, cache_control="only-if-cached")
    assert answer.status == 504
    assert answer.error["code"] == "cache_miss"
    assert not whole.requests


def test_a_stream_answers_the_sdk_whole_and_as_a_stream(start_gateway: StartGateway, streamed: Case) -> None:
    gateway = start_gateway(**config(streamed))
    client = OpenAI(base_url=gateway.base_url, api_key=ALICE, max_retries=0)
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Capital of France?"}]}

    def text() -> str:
        chunks = client.chat.completions.create(**asked, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert [text(), text()] == ["Paris."] * 2
    completion = client.chat.completions.create(**asked)
    assert completion.choices[0].message.content == "Paris."
    assert completion.choices[0].finish_reason == "stop"
    assert len(streamed.requests) == 1


def test_a_whole_answer_is_given_to_the_sdk_as_a_stream(cached: GatewayProcess, whole: Case) -> None:
    client = OpenAI(base_url=cached.base_url, api_key=ALICE, max_retries=0)
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Capital of France?"}]}
    client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Paris."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 5
    assert len(whole.requests) == 1


def test_the_sdk_raises_when_nothing_is_cached(cached: GatewayProcess) -> None:
    client = OpenAI(base_url=cached.base_url, api_key=ALICE, max_retries=0)
    with pytest.raises(APIStatusError, match="cache") as told:
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "x"}],
            extra_headers={"Cache-Control": "only-if-cached"},
        )
    assert told.value.status_code == 504


def test_what_is_cached_survives_a_reload(cached: GatewayProcess, whole: Case) -> None:
    get(cached)
    reload(cached)
    assert get(cached).header("x-isthmus-cache") == "hit"
