"""Limits of requests, tokens and calls in progress, as clients of a running gateway meet them."""

import itertools
import signal
import time
from typing import Any

import openai
import pytest

from tests.conftest import KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.redis import RedisServer
from tests.upstream import Gate, Hang, Upstream, event_stream, frame, json_answer

HELD_BY_OTHERS = 1.0
"""Seconds: the wait that is told where only calls in progress are in the way."""


def keys(**limit: Any) -> list[dict[str, Any]]:
    return [{"name": "everything", "key": KEY, "limit": limit}]


def redis_of(server: RedisServer, timeout_ms: int = 2_000) -> dict[str, Any]:
    return {"redis": {"url": server.url, "timeout_ms": timeout_ms}}


def status(gateway: GatewayProcess, **fields: Any) -> int:
    return ask(gateway.port, chat("scripted/talker", **fields)).status


def test_requests_over_the_limit_are_refused_with_true_headers(start_gateway: StartGateway) -> None:
    gateway = start_gateway(keys=keys(requests_per_minute=3))
    for left in (2, 1, 0):
        answer = ask(gateway.port, chat("scripted/talker"))
        assert answer.status == 200
        assert answer.header("x-ratelimit-limit-requests") == "3"
        assert answer.header("x-ratelimit-remaining-requests") == str(left)
        assert answer.header("x-ratelimit-reset-requests") in ("1m0s", "1m1s")
    refused = ask(gateway.port, chat("scripted/talker"))
    assert (refused.status, refused.error["type"]) == (429, "rate_limit_error")
    assert refused.error["code"] == "rate_limit_exceeded"
    assert "key 'everything'" in refused.error["message"]
    assert refused.header("x-ratelimit-remaining-requests") == "0"
    assert 50 <= int(refused.header("retry-after") or 0) <= 61


def test_the_wait_that_is_told_is_enough(start_gateway: StartGateway, upstream: Upstream) -> None:
    gate = Gate()
    case = upstream.on([gate, *json_answer({})])
    gateway = start_gateway(keys=keys(parallel_requests=1))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
        refused = ask(gateway.port, chat("scripted/talker"))
        assert (refused.status, refused.header("retry-after")) == (429, "1")
        gate.open()
        assert client.answer().status == 200
    assert status(gateway) == 200


def test_a_stream_keeps_its_place_until_its_end(start_gateway: StartGateway, upstream: Upstream) -> None:
    gate = Gate()
    case = upstream.on(event_stream(CHUNK, gate, frame("[DONE]")))
    gateway = start_gateway(keys=keys(parallel_requests=1))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        assert client.head().status == 200
        gate.await_reached()
        assert status(gateway) == 429
        gate.open()
        assert b"".join(client.chunks()).endswith(b"data: [DONE]\n\n")
    until(lambda: status(gateway) == 200)


def test_a_client_that_leaves_gives_its_place_back(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    gateway = start_gateway(keys=keys(parallel_requests=1))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
        assert status(gateway) == 429
    until(lambda: status(gateway) == 200)


def test_tokens_are_reserved_and_settled_to_what_was_used(start_gateway: StartGateway, upstream: Upstream) -> None:
    used = {"prompt_tokens": 30, "completion_tokens": 20, "total_tokens": 50}
    case = upstream.on(json_answer({"choices": [], "usage": used}))
    gateway = start_gateway(keys=keys(tokens_per_minute=2_000))
    left = []
    for _ in range(5):
        answer = ask(gateway.port, chat(case.model, max_tokens=100))
        left.append(int(answer.header("x-ratelimit-remaining-tokens") or -1))
    assert [before - after for before, after in itertools.pairwise(left)] == [50] * 4


def test_tokens_of_a_stream_that_its_client_left_are_counted(start_gateway: StartGateway, upstream: Upstream) -> None:
    words = [frame({"choices": [{"index": 0, "delta": {"content": "word "}}]})] * 40
    case = upstream.on(event_stream(*words, Hang()))
    gateway = start_gateway(keys=keys(tokens_per_minute=100_000))

    def left() -> int:
        answer = ask(gateway.port, chat("scripted/talker", max_tokens=1))
        return int(answer.header("x-ratelimit-remaining-tokens") or -1)

    before = left()
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True, max_tokens=50_000))
        client.head()
        chunks, sent = client.chunks(), b""
        while sent.count(b"word") < 40:
            sent += next(chunks)
        assert left() < 50_000
    until(lambda: left() > 90_000)
    assert before - left() > 40


@pytest.mark.parametrize("workers", [1, 4])
def test_a_limit_is_the_same_for_any_number_of_workers(
    start_gateway: StartGateway, own_redis: RedisServer, workers: int
) -> None:
    gateway = start_gateway({"workers": workers}, keys=keys(requests_per_minute=20), state=redis_of(own_redis))
    assert sorted(status(gateway) for _ in range(40)) == [200] * 20 + [429] * 20


def test_two_gateways_share_a_limit(start_gateway: StartGateway, own_redis: RedisServer) -> None:
    limit = {"keys": keys(requests_per_minute=10), "state": redis_of(own_redis)}
    first, second = start_gateway(**limit), start_gateway(**limit)
    statuses = [status(gateway) for gateway in (first, second) * 10]
    assert sorted(statuses) == [200] * 10 + [429] * 10


def test_a_new_limit_counts_at_once_and_so_does_what_was_used(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(keys=keys(requests_per_minute=2))
    assert [status(gateway) for _ in range(3)] == [200, 200, 429]
    config = {"server": {"port": 0}, "providers": {"scripted": {"base_url": upstream.base_url}}}
    gateway.write_config({**config, "keys": keys(requests_per_minute=3)})
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration reloaded" in gateway.log)
    assert [status(gateway) for _ in range(2)] == [200, 429]


def test_without_redis_each_worker_counts_and_with_it_again_all_do(
    start_gateway: StartGateway, own_redis: RedisServer
) -> None:
    gateway = start_gateway(keys=keys(requests_per_minute=6), state=redis_of(own_redis, timeout_ms=300))
    assert [status(gateway) for _ in range(3)] == [200] * 3
    own_redis.pause()
    began = time.monotonic()
    assert [status(gateway) for _ in range(8)] == [200] * 6 + [429] * 2
    assert time.monotonic() - began < 8 * 0.5
    assert "each worker counts alone" in gateway.log
    own_redis.resume()
    until(lambda: int(ask(gateway.port, chat("scripted/talker")).header("x-ratelimit-remaining-requests") or 0) > 0)


def test_without_redis_nothing_is_spent(start_gateway: StartGateway, own_redis: RedisServer) -> None:
    prices = {"prompt": 1, "completion": 1, "version": "2026-11-01"}
    gateway = start_gateway(
        keys=keys(budgets=[{"per": "day", "usd": 100}]),
        state=redis_of(own_redis, timeout_ms=300),
        facts={"scripted/*": {"context": 1_000, "prices": prices}},
    )
    assert status(gateway) == 200
    own_redis.pause()
    refused = ask(gateway.port, chat("scripted/talker"))
    assert (refused.status, refused.error["code"], refused.header("retry-after")) == (503, "limits_unavailable", "1")
    own_redis.resume()
    until(lambda: status(gateway) == 200)


def test_openais_sdk_knows_the_refusal(start_gateway: StartGateway) -> None:
    gateway = start_gateway(keys=keys(requests_per_minute=1))
    client = openai.OpenAI(base_url=gateway.base_url, api_key=KEY, max_retries=0)
    client.chat.completions.create(model="scripted/talker", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="scripted/talker", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "rate_limit_exceeded"


def test_messages_clients_get_the_refusal_in_their_own_format(start_gateway: StartGateway) -> None:
    gateway = start_gateway(keys=keys(requests_per_minute=1))
    assert status(gateway) == 200
    refused = ask(gateway.port, {**chat("scripted/talker"), "max_tokens": 5}, path="/v1/messages")
    assert refused.status == 429
    assert refused.json["error"]["type"] == "rate_limit_error"
