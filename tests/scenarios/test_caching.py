"""Answers that are given again: to the same question, in any form, to the same owner, as long as they are good."""

import time
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, RawClient, ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.scenarios.test_reload import reload
from tests.services.redis import RedisServer
from tests.upstream import Case, Cut, Gate, Hang, Upstream, event_stream, frame, json_answer

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
def cached(start_gateway: StartGateway, whole: Case) -> GatewayProcess:
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

    def is_kept() -> bool:
        headers = {"authorization": f"Bearer {ALICE}", "cache_control": "only-if-cached"}
        return ask(gateway.port, chat("m", messages=asked["messages"]), **headers).status == 200

    assert text() == "Paris."
    until(is_kept)
    assert text() == "Paris."
    completion = client.chat.completions.create(**asked)
    assert completion.choices[0].message.content == "Paris."
    assert completion.choices[0].finish_reason == "stop"
    assert len(streamed.requests) == 1


def test_a_client_that_leaves_once_it_was_told_the_end_has_had_all_of_it(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    gate = Gate()
    case = upstream.on(event_stream(*STREAM, gate))  # the end of the body comes later than that of the answer
    gateway = start_gateway(**config(case), telemetry={"metrics": True})
    client = OpenAI(base_url=gateway.base_url, api_key=ALICE, max_retries=0)
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Capital of France?"}]}
    assert list(client.chat.completions.create(**asked, stream=True))
    until(lambda: Scrape(gateway).sum("requests_total") == 1)
    assert Scrape(gateway).sum("requests_total", status="200") == 1
    assert get(gateway, messages=asked["messages"]).header("x-isthmus-cache") == "hit"
    gate.open()


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


def test_usage_comes_with_the_stream_of_a_cached_stream(start_gateway: StartGateway, streamed: Case) -> None:
    gateway = start_gateway(**config(streamed))
    plain = get(gateway, stream=True)
    told = get(gateway, stream=True, stream_options={"include_usage": True})
    assert b'"usage"' not in plain.body
    # The scripted stream tells no usage, so who asks for it has it counted with an answer of its own.
    assert told.header("x-isthmus-cache") == "miss"
    assert get(gateway, stream=True, stream_options={"include_usage": True}).header("x-isthmus-cache") == "hit"


def test_a_broken_stream_is_not_given_again(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(*STREAM[:2], Cut()))
    gateway = start_gateway(**config(case))
    assert b"error" in get(gateway, stream=True).body
    assert get(gateway, stream=True).header("x-isthmus-cache") == "miss"


def test_a_client_that_leaves_leaves_nothing(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(*STREAM[:2], Hang()))
    gateway = start_gateway(**config(case))
    with RawClient(gateway.port) as client:
        client.post(chat("m", stream=True), authorization=f"Bearer {ALICE}")
        assert client.head().status == 200
        next(client.chunks())
    case.request().closed_at()
    case.script = lambda _: event_stream(*STREAM)
    assert get(gateway, stream=True).header("x-isthmus-cache") == "miss"
    assert get(gateway, stream=True).header("x-isthmus-cache") == "hit"


def test_a_stale_answer_comes_at_once_and_a_new_one_is_fetched(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer(ANSWER))
    gateway = start_gateway(**config(case, ttl=0.001, stale=600))
    get(gateway)
    case.request()
    until(lambda: get(gateway).header("x-isthmus-cache") == "stale")  # a millisecond may not have passed at first
    case.request()  # the refresh


def test_embeddings_ask_only_for_what_is_new(start_gateway: StartGateway, upstream: Upstream) -> None:
    deployments = [{"provider": "scripted", "model": "embedder"}]
    gateway = start_gateway(models={"e": {"deployments": deployments, "cache": {}}})
    client = OpenAI(base_url=gateway.base_url, api_key="none", max_retries=0)
    first = client.embeddings.create(model="e", input=["one", "two"])
    before = len(upstream.unscripted)
    raw = client.embeddings.with_raw_response.create(model="e", input=["two", "three", "one", "three"])
    assert raw.headers["x-isthmus-cache-items"] == "2/4"
    vectors = [item.embedding for item in raw.parse().data]
    assert [vectors[2], vectors[0]] == [item.embedding for item in first.data]
    assert vectors[1] == vectors[3]
    (request,) = upstream.unscripted[before:]
    assert request.json["input"] == ["three"]


# In Redis


def in_redis(case: Case, server: RedisServer, timeout_ms: int = 2_000) -> dict[str, Any]:
    state = {"redis": {"url": server.url, "timeout_ms": timeout_ms}}
    return config(case) | {"cache": {"store": "redis"}, "state": state}


def kept(server: RedisServer) -> int:
    with server.client() as client:
        return len(client.keys("isthmus:answer:*"))


def test_replicas_share_what_is_in_redis(start_gateway: StartGateway, whole: Case, own_redis: RedisServer) -> None:
    one, other = (start_gateway(**in_redis(whole, own_redis)) for _ in range(2))
    first = get(one)
    until(lambda: kept(own_redis) == 1)
    second = get(other)
    assert (second.header("x-isthmus-cache"), second.body) == ("hit", first.body)
    assert len(whole.requests) == 1


def test_a_redis_that_was_restarted_empty_goes_on(
    start_gateway: StartGateway, whole: Case, own_redis: RedisServer
) -> None:
    gateway = start_gateway(**in_redis(whole, own_redis))
    get(gateway)
    until(lambda: kept(own_redis) == 1)
    own_redis.restart()

    def is_kept_again() -> bool:
        get(gateway)
        return kept(own_redis) == 1

    until(is_kept_again)
    until(lambda: get(gateway).header("x-isthmus-cache") == "hit")


def test_a_redis_that_hangs_delays_no_request(start_gateway: StartGateway, whole: Case, own_redis: RedisServer) -> None:
    gateway = start_gateway(**in_redis(whole, own_redis, timeout_ms=50))
    get(gateway)
    own_redis.pause()
    try:
        began = time.monotonic()
        assert [get(gateway).status for _ in range(10)] == [200] * 10
        assert time.monotonic() - began < 5
    finally:
        own_redis.resume()


# In other words


@pytest.mark.usefixtures("local_gateway")  # says which packages are missing, and has loaded what it shares
def test_the_same_question_in_other_words(start_gateway: StartGateway, upstream: Upstream, whole: Case) -> None:
    cache = {"semantic": {"embedding": "minilm", "threshold": 0.8, "timeout": 60}}
    gateway = start_gateway(
        keys=KEYS,
        providers={"scripted": {"base_url": upstream.base_url}, "local": {}},
        models={
            "m": {"deployments": [{"provider": "scripted", "model": whole.name}], "cache": cache},
            "minilm": {"deployments": [{"provider": "local", "model": "minilm"}]},
        },
    )

    def say(words: str, key: str = ALICE) -> Answer:
        body = {"model": "m", "messages": [{"role": "user", "content": words}]}
        return ask(gateway.port, body, authorization=f"Bearer {key}")

    assert say("What is the capital of France?").header("x-isthmus-cache") == "miss"
    again = say("what's the capital city of France")
    assert again.header("x-isthmus-cache") == "hit"
    assert 0.8 <= float(again.header("x-isthmus-similarity") or 0) < 1
    assert say("How do I bake bread?").header("x-isthmus-cache") == "miss"
    assert say("what's the capital city of France", BOB).header("x-isthmus-cache") == "miss"
