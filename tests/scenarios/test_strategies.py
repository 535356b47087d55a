"""Each strategy, through a running gateway: which deployment gets which calls."""

from collections import Counter
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.scenarios.deployments import answering, asked, deployments, tally
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.redis import RedisServer
from tests.upstream import Gate, Pause, Upstream, event_stream, frame, json_answer

USAGE = {"prompt_tokens": 50, "completion_tokens": 50, "total_tokens": 100}


def route(strategy: str, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"m": {"strategy": strategy, "deployments": lines, **more}}


def test_ordered_asks_the_first(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = answering(upstream, 3)
    gateway = start_gateway(models=route("ordered", deployments(cases)))
    assert tally(gateway, 6) == {cases[0].name: 6}


def test_round_robin_asks_each_in_turn(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = answering(upstream, 3)
    gateway = start_gateway(models=route("round_robin", deployments(cases)))
    assert [asked(gateway) for _ in range(6)] == [case.name for case in cases] * 2


def test_weighted_gives_each_its_share(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = answering(upstream, 3)
    lines = deployments(cases, {"weight": 5}, {"weight": 3}, {"weight": 2})
    gateway = start_gateway(models=route("weighted", lines))
    assert tally(gateway, 20) == {cases[0].name: 10, cases[1].name: 6, cases[2].name: 4}


def test_least_busy_goes_around_who_is_busy(start_gateway: StartGateway, upstream: Upstream) -> None:
    busy = upstream.on([gate := Gate(), *json_answer({})])
    free = upstream.on(json_answer({}))
    gateway = start_gateway(models=route("least_busy", deployments([busy, free])))
    with RawClient(gateway.port) as client:
        client.post(chat("m"))
        gate.await_reached()
        assert tally(gateway, 5) == {free.name: 5}
        gate.open()
        assert client.answer().status == 200


def test_lowest_latency_goes_where_the_first_token_comes_soonest(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    slow = upstream.on(event_stream(Pause(0.5), CHUNK, frame("[DONE]")))
    fast = upstream.on(event_stream(CHUNK, Pause(0.01), frame("[DONE]")))
    gateway = start_gateway(models=route("lowest_latency", deployments([slow, fast])))
    assert tally(gateway, 10, stream=True) == {slow.name: 1, fast.name: 9}


def test_lowest_cost_goes_where_this_call_is_cheapest(start_gateway: StartGateway, upstream: Upstream) -> None:
    reader, writer, unknown = answering(upstream, 3)
    gateway = start_gateway(
        models=route("lowest_cost", deployments([unknown, reader, writer])),
        facts={
            f"scripted/{reader.name}": {"prices": {"prompt": 1, "completion": 20, "version": "2026-01-01"}},
            f"scripted/{writer.name}": {"prices": {"prompt": 5, "completion": 5, "version": "2026-01-01"}},
        },
    )
    assert asked(gateway, messages=[{"role": "user", "content": "word " * 4_000}]) == reader.name
    assert asked(gateway, messages=[{"role": "user", "content": "word"}]) == writer.name
    assert f"scripted/{unknown.name} comes last, as its price is unknown" in gateway.log


def test_usage_based_goes_where_most_of_the_limits_is_left(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = [upstream.on(json_answer({"usage": USAGE})) for _ in range(2)]
    lines = deployments(cases, {"tokens_per_minute": 10_000}, {"tokens_per_minute": 30_000})
    gateway = start_gateway(models=route("usage_based", lines))
    counted = tally(gateway, 40)
    assert counted[cases[1].name] == pytest.approx(30, abs=1)


def test_what_another_gateway_has_used_counts(
    start_gateway: StartGateway, upstream: Upstream, own_redis: RedisServer
) -> None:
    cases = answering(upstream, 2)
    lines = deployments(cases, {"requests_per_minute": 1_000}, {"requests_per_minute": 1_000})
    models = route("usage_based", lines) | {"first": {"deployments": lines[:1]}}
    state = {"redis": {"url": own_redis.url, "timeout_ms": 2_000}}
    one, other = start_gateway(models=models, state=state), start_gateway(models=models, state=state)
    tally(one, 30, "first")
    until(lambda: tally(other, 4) == {cases[1].name: 4})


def test_sticky_keeps_a_prefix_at_one_deployment_and_its_second_choice_while_that_rests(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    cases = answering(upstream, 4)
    models = route("sticky", deployments(cases), cooldown={"failures": 1}, retry={"attempts": 1})
    gateway = start_gateway(models=models)
    prefixes = [[{"role": "system", "content": f"You are number {n}."}] for n in range(24)]
    first = [asked(gateway, messages=prefix) for prefix in prefixes]
    assert len(set(first)) == 4
    assert [asked(gateway, messages=prefix) for prefix in prefixes] == first
    lost = next(case for case in cases if case.name == first[0])
    lost.script = lambda request: json_answer({"error": {"message": "Down."}}, status=500)
    second = [asked(gateway, messages=prefix) for prefix in prefixes]
    assert [now for now, before in zip(second, first, strict=True) if before != lost.name] == [
        before for before in first if before != lost.name
    ]
    assert lost.name not in second
    assert [asked(gateway, messages=prefix) for prefix in prefixes] == second


def test_the_others_follow_after_a_fault(start_gateway: StartGateway, upstream: Upstream) -> None:
    down = upstream.on(json_answer({"error": {"message": "Down."}}, status=500))
    good = upstream.on(json_answer({}))
    models = {
        strategy: {"strategy": strategy, "deployments": deployments([down, good]), "cooldown": {"failures": 1_000}}
        for strategy in ("ordered", "weighted", "round_robin", "least_busy", "lowest_latency", "lowest_cost", "sticky")
    }
    gateway = start_gateway(models=models)
    for strategy in models:
        assert Counter(ask(gateway.port, chat(strategy)).status for _ in range(4)) == {200: 4}
