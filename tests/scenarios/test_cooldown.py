"""Deployments that fail are left alone for a while, by every worker and replica, and probed by one call."""

import os
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.deployments import DOWN, answer_of, answering, asked, deployments, tally
from tests.scenarios.raw import CHUNK, RawClient, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.services.redis import RedisServer
from tests.upstream import Case, Cut, Gate, Hang, Step, Upstream, event_stream, frame, json_answer

FAULTS: dict[str, Iterable[Step]] = {
    "500": DOWN,
    "429": json_answer({"error": {"message": "Slow down."}}, status=429),
    "closed": [Cut()],
    "silent": [Hang()],
    "no JSON": json_answer([]),
    "broken stream": event_stream(CHUNK, Cut()),
}


def models(cases: Iterable[Case], **cooldown: Any) -> dict[str, Any]:
    settings = {"failures": 3, "seconds": 60, **cooldown}
    return {"m": {"deployments": deployments(cases), "cooldown": settings, "retry": {"attempts": 1}}}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_after_failures_in_a_row_a_deployment_is_not_asked(
    start_gateway: StartGateway, upstream: Upstream, fault: Iterable[Step]
) -> None:
    bad = upstream.on(fault)
    good = upstream.on(event_stream(CHUNK, frame("[DONE]")))
    gateway = start_gateway(provider={"timeouts": {"first_byte": 0.3}}, models=models([bad, good]))
    for _ in range(3):
        assert answer_of(gateway, stream=True).status == 200
    asked_before = len(bad.requests)
    for _ in range(3):
        assert answer_of(gateway, stream=True).status == 200
    assert len(bad.requests) == asked_before >= 3
    assert f"scripted/{bad.name} rests for" in gateway.log


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_clients_fault_is_no_failure(start_gateway: StartGateway, upstream: Upstream, status: int) -> None:
    refusing, other = upstream.on(json_answer({"error": {"message": "No."}}, status=status)), *answering(upstream, 1)
    gateway = start_gateway(models=models([refusing, other], failures=1))
    assert [answer_of(gateway).status for _ in range(4)] == [status] * 4


def test_a_client_that_leaves_is_no_failure(start_gateway: StartGateway, upstream: Upstream) -> None:
    slow, other = upstream.on([gate := Gate(), *json_answer({})]), *answering(upstream, 1)
    gateway = start_gateway(models=models([slow, other], failures=1))
    with RawClient(gateway.port) as client:
        client.post(chat("m"))
        gate.await_reached()
    slow.requests[0].closed_at()
    gate.open()
    assert asked(gateway) == slow.name


def test_the_error_rate_counts_too(start_gateway: StartGateway, upstream: Upstream) -> None:
    flaky, good = answering(upstream, 2)
    flaky.script = lambda request: DOWN if len(flaky.requests) % 2 else json_answer({})
    gateway = start_gateway(models=models([flaky, good], failures=1_000, error_rate=0.5, calls=10))
    tally(gateway, 30)
    assert len(flaky.requests) == 11


def test_retry_after_makes_it_rest_that_long(start_gateway: StartGateway, upstream: Upstream) -> None:
    limited, good = answering(upstream, 2)
    limited.script = lambda request: json_answer({"error": {"message": "Wait."}}, ("retry-after", "2"), status=429)
    gateway = start_gateway(models=models([limited, good], failures=1_000))
    began = time.monotonic()
    asked(gateway)
    limited.script = lambda request: json_answer({})
    while asked(gateway) == good.name:
        assert time.monotonic() < began + 15
    assert time.monotonic() - began >= 2
    assert len(limited.requests) == 2


def test_when_all_rest_the_client_is_told_when_the_first_is_back(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    cases = [upstream.on(DOWN), upstream.on(DOWN)]
    gateway = start_gateway(models=models(cases, failures=1, seconds=40))
    assert answer_of(gateway).status == 500
    answer = answer_of(gateway)
    assert (answer.status, answer.error["code"]) == (503, "all_targets_resting")
    assert 1 <= int(answer.header("retry-after") or 0) <= 40
    assert [len(case.requests) for case in cases] == [1, 1]


def test_the_only_deployment_of_a_model_is_always_asked(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(DOWN)
    gateway = start_gateway(models=models([case], failures=1))
    assert [answer_of(gateway).status for _ in range(5)] == [500] * 5
    assert len(case.requests) == 5


def test_one_probe_goes_out_after_the_rest_and_a_success_brings_it_back(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    sick, good = answering(upstream, 2)
    sick.script = lambda request: DOWN
    gateway = start_gateway(models=models([sick, good], failures=1, seconds=1))
    asked(gateway)
    gate = Gate()
    sick.script = lambda request: [gate, *json_answer({})]
    time.sleep(1.1)
    with RawClient(gateway.port) as client:
        client.post(chat("m"))
        gate.await_reached()
        assert tally(gateway, 10) == {good.name: 10}
        gate.open()
        assert client.answer().header("x-isthmus-model") == sick.name
    assert tally(gateway, 10) == {sick.name: 10}


def test_a_probe_that_fails_doubles_the_rest(start_gateway: StartGateway, upstream: Upstream) -> None:
    sick, good = answering(upstream, 2)
    sick.script = lambda request: DOWN
    gateway = start_gateway(models=models([sick, good], failures=1, seconds=1))
    asked(gateway)
    first = time.monotonic()
    until(lambda: bool(asked(gateway)) and len(sick.requests) == 2)
    second = time.monotonic()
    until(lambda: bool(asked(gateway)) and len(sick.requests) == 3)
    assert second - first >= 0.9
    assert time.monotonic() - second >= 1.9


def test_a_rest_survives_a_reload(start_gateway: StartGateway, upstream: Upstream) -> None:
    sick, good = upstream.on(DOWN), *answering(upstream, 1)
    sections = models([sick, good], failures=1)
    gateway = start_gateway(models=sections)
    asked(gateway)
    gateway.write_config(
        {
            "server": {"port": 0},
            "providers": {"scripted": {"base_url": upstream.base_url}},
            "models": sections | {"new": {"deployments": deployments([good])}},
        }
    )
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "configuration reloaded" in gateway.log)
    assert tally(gateway, 5) == {good.name: 5}
    assert len(sick.requests) == 1


def test_metrics_tell_of_cooldowns(start_gateway: StartGateway, upstream: Upstream) -> None:
    sick, good = upstream.on(DOWN), *answering(upstream, 1)
    gateway = start_gateway(models=models([sick, good], failures=1), telemetry={"metrics": True})
    asked(gateway)
    told = Scrape(gateway)
    for name in ("cooldowns_opened_total", "target_resting"):
        assert told.sum(name, provider="scripted", model=sick.name) == 1
        assert told.sum(name, provider="scripted", model=good.name) == 0


def test_readiness_tells_who_rests(start_gateway: StartGateway, upstream: Upstream) -> None:
    sick, good = upstream.on(DOWN), *answering(upstream, 1)
    gateway = start_gateway(models=models([sick, good], failures=1))
    asked(gateway)
    with RawClient(gateway.port) as client:
        client.send(b"GET /health/ready HTTP/1.1\r\nhost: gateway\r\n\r\n")
        told = client.answer()
    assert (told.status, told.json["status"]) == (200, "degraded")
    assert list(told.json["degraded"]) == [f"scripted/{sick.name}"]


class TestShared:
    """Four workers and a second gateway, with one Redis."""

    @pytest.fixture
    def redis(self, own_redis: RedisServer) -> RedisServer:
        return own_redis

    def start(self, start_gateway: StartGateway, redis: RedisServer, sections: dict[str, Any]) -> list[GatewayProcess]:
        state = {"redis": {"url": redis.url, "timeout_ms": 2_000}}
        return [
            start_gateway(None, "--workers", "4", models=sections, state=state),
            start_gateway(models=sections, state=state),
        ]

    def test_all_leave_alone_what_one_found_failing(
        self, start_gateway: StartGateway, upstream: Upstream, redis: RedisServer
    ) -> None:
        sick, good = upstream.on(DOWN), *answering(upstream, 1)
        one, other = self.start(start_gateway, redis, models([sick, good], failures=3))
        for _ in range(3):
            asked(other)
        opened = len(sick.requests)
        until(lambda: bool(redis.client().hlen("isthmus:cooldowns")))
        time.sleep(1.5)  # each worker reads once a second
        assert tally(one, 40) == {good.name: 40}
        assert len(sick.requests) == opened == 3

    def test_exactly_one_probe_goes_out_over_all_of_them(
        self, start_gateway: StartGateway, upstream: Upstream, redis: RedisServer
    ) -> None:
        sick, good = upstream.on(DOWN), *answering(upstream, 1)
        gateways = self.start(start_gateway, redis, models([sick, good], failures=1, seconds=4))
        asked(gateways[1])
        time.sleep(2)
        before = len(sick.requests)
        gate = Gate()
        sick.script = lambda request: [gate, *json_answer({})]
        time.sleep(3)
        results: list[str | None] = []
        with ThreadPoolExecutor(32) as pool:
            calls = [pool.submit(asked, gateways[n % 2]) for n in range(32)]
            gate.await_reached()
            until(lambda: sum(call.done() for call in calls) == 31)
            assert len(sick.requests) - before == 1
            gate.open()
            results = [call.result() for call in calls]
        assert results.count(sick.name) == 1
        until(lambda: tally(gateways[0], 12) == {sick.name: 12})
        until(lambda: tally(gateways[1], 4) == {sick.name: 4})

    def test_the_probe_of_a_worker_that_is_killed_is_not_waited_for_for_ever(
        self, start_gateway: StartGateway, upstream: Upstream, redis: RedisServer
    ) -> None:
        """Its claim in Redis has an end."""
        sick, good = upstream.on(DOWN), *answering(upstream, 1)
        gateway = start_gateway(
            None,
            "--workers",
            "2",
            models=models([sick, good], failures=1, seconds=1),
            state={"redis": {"url": redis.url, "timeout_ms": 2_000}},
        )
        asked(gateway)
        sick.script = lambda request: [Hang()]
        time.sleep(1.2)
        with RawClient(gateway.port) as client:
            client.post(chat("m"))
            until(lambda: len(sick.requests) == 2)
            for pid in gateway.children():
                os.kill(pid, signal.SIGKILL)
        (key,) = redis.client().keys("isthmus:probes:*")
        assert 0 < redis.client().pttl(key) <= 120_000
        until(lambda: len(gateway.children()) == 2)

    def test_without_redis_each_goes_by_what_it_knows_and_nobody_waits(
        self, start_gateway: StartGateway, upstream: Upstream, redis: RedisServer
    ) -> None:
        sick, good = upstream.on(DOWN), *answering(upstream, 1)
        gateway = start_gateway(models=models([sick, good], failures=1, seconds=1), state={"redis": {"url": redis.url}})
        asked(gateway)
        redis.pause()
        try:
            assert tally(gateway, 5) == {good.name: 5}
            sick.script = lambda request: json_answer({})
            until(lambda: asked(gateway) == sick.name)
            assert tally(gateway, 5) == {sick.name: 5}
        finally:
            redis.resume()

    def test_what_is_known_outlives_a_flush(
        self, start_gateway: StartGateway, upstream: Upstream, redis: RedisServer
    ) -> None:
        sick, good = upstream.on(DOWN), *answering(upstream, 1)
        gateway = start_gateway(models=models([sick, good], failures=1), state={"redis": {"url": redis.url}})
        asked(gateway)
        until(lambda: bool(redis.client().hlen("isthmus:cooldowns")))
        redis.flush()
        time.sleep(1.5)  # it has read the empty Redis
        assert tally(gateway, 5) == {good.name: 5}
        assert len(sick.requests) == 1
