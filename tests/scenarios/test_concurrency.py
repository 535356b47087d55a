"""Adaptive concurrency: a deployment is given what it takes; the rest waits in a short, fair line, or is refused."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conftest import KEY, NARROW_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.deployments import answer_of, answering, deployments
from tests.scenarios.raw import CHUNK, Answer, RawClient, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.scenarios.test_reload import reload
from tests.upstream import Case, Gate, Pause, Upstream, event_stream, frame, json_answer

SLOW_DOWN = json_answer({"error": {"message": "Slow down."}}, status=429)
KEYS = [{"name": "flood", "key": KEY}, {"name": "other", "key": NARROW_KEY}]


def models(*cases: Case, retry: int = 1, timeout: float | None = None, **concurrency: Any) -> dict[str, Any]:
    first, *others = deployments(cases)
    settings = {"start": 1, "most": 1, **concurrency}
    route = {"deployments": [{**first, "concurrency": settings}, *others], "retry": {"attempts": retry}}
    return {"m": route | ({"timeout": timeout} if timeout else {})}


def send(gateway: GatewayProcess, key: str = KEY, **fields: Any) -> RawClient:
    client = RawClient(gateway.port)
    client.post(chat("m", **fields), authorization=f"Bearer {key}")
    return client


def queued(gateway: GatewayProcess) -> float:
    return Scrape(gateway).sum("target_queue")


def test_no_more_than_the_limit_are_under_way(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, start=2, most=2))
    clients = [send(gateway) for _ in range(5)]
    until(lambda: queued(gateway) == 3 and len(case.requests) == 2)
    gate.open()
    assert [client.answer().status for client in clients] == [200] * 5
    assert len(case.requests) == 5


def test_a_stream_keeps_its_place_to_its_end(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, gate := Gate(), frame("[DONE]")))
    gateway = start_gateway(models=models(case))
    first = send(gateway, stream=True)
    assert first.head().status == 200
    second = send(gateway, stream=True)
    until(lambda: queued(gateway) == 1)
    gate.open()
    assert b"".join(first.chunks()).endswith(b"[DONE]\n\n")
    assert second.answer().status == 200


def test_a_full_line_answers_503_with_retry_after(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue=1))
    clients = [send(gateway), send(gateway)]
    until(lambda: queued(gateway) == 1)
    answer = answer_of(gateway)
    assert (answer.status, answer.error["code"], answer.header("retry-after")) == (503, "overloaded", "1")
    assert Scrape(gateway).sum("queue_refusals_total", model=case.name) == 1
    gate.open()
    assert [client.answer().status for client in clients] == [200, 200]


def test_a_line_that_the_providers_own_429_filled_answers_429(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(SLOW_DOWN)
    gateway = start_gateway(models=models(case, queue=0, start=2, most=2))
    assert answer_of(gateway).status == 429
    gate = Gate()
    case.script = lambda request: [gate, *json_answer({})]
    client = send(gateway)
    gate.await_reached()
    answer = answer_of(gateway)
    assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded")
    assert answer.header("retry-after") == "1"
    gate.open()
    assert client.answer().status == 200


def test_with_another_deployment_nobody_is_refused(start_gateway: StartGateway, upstream: Upstream) -> None:
    full, free = upstream.on([gate := Gate(), *json_answer({})]), *answering(upstream, 1)
    gateway = start_gateway(models=models(full, free, queue=0))
    client = send(gateway)
    gate.await_reached()
    assert answer_of(gateway).header("x-isthmus-model") == free.name
    gate.open()
    assert client.answer().header("x-isthmus-model") == full.name


def test_a_flood_of_one_caller_does_not_starve_another(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([first := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue=8), keys=KEYS)
    flood = [send(gateway) for _ in range(9)]
    until(lambda: queued(gateway) == 8)
    other = send(gateway, NARROW_KEY, user="other")
    until(lambda: any(client.has_answer() for client in flood))
    case.script = lambda request: json_answer({})
    first.open()
    assert other.answer().status == 200
    assert sorted(client.answer().status for client in flood) == [200] * 8 + [503]
    assert "other" in [request.json.get("user") for request in case.requests[:3]]


def test_a_client_that_leaves_leaves_the_line(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue=1))
    inside = send(gateway)
    gate.await_reached()
    with send(gateway):
        until(lambda: queued(gateway) == 1)
    until(lambda: queued(gateway) == 0)
    waiting = send(gateway)
    until(lambda: queued(gateway) == 1)
    gate.open()
    assert [inside.answer().status, waiting.answer().status] == [200, 200]
    assert len(case.requests) == 2


def test_a_client_that_leaves_gives_its_place_back(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case))
    with send(gateway):
        gate.await_reached()
        waiting = send(gateway)
        until(lambda: queued(gateway) == 1)
    gate.open()
    assert waiting.answer().status == 200


def timed(gateway: GatewayProcess, **headers: str) -> tuple[Answer, float]:
    began = time.monotonic()
    with RawClient(gateway.port) as client:
        client.post(chat("m"), **headers)
        return client.answer(), time.monotonic() - began


def test_nobody_waits_longer_than_queue_seconds(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue_seconds=0.5))
    inside = send(gateway)
    gate.await_reached()
    answer, seconds = timed(gateway)
    assert answer.status == 503
    assert 0.4 < seconds < 10
    gate.open()
    assert inside.answer().status == 200


def test_nobody_waits_longer_than_the_call_has(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue_seconds=600))
    inside = send(gateway)
    gate.await_reached()
    answer, seconds = timed(gateway, x_isthmus_timeout="0.5")
    assert (answer.status, answer.error["code"]) == (504, "deadline_exceeded")
    assert 0.4 < seconds < 10
    gate.open()
    assert inside.answer().status == 200


def test_places_that_are_taken_stay_taken_over_a_reload(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(models=models(case, queue=4))
    inside = send(gateway)
    gate.await_reached()
    changed = {**gateway.config, "models": models(case, timeout=60, queue=4)}
    gateway.write_config(changed)
    reload(gateway)
    waiting = send(gateway)
    until(lambda: queued(gateway) == 1)
    gate.open()
    assert [inside.answer().status, waiting.answer().status] == [200, 200]


def test_the_limit_learns_what_a_deployment_takes(start_gateway: StartGateway, upstream: Upstream) -> None:
    """One that refuses more than four at once is soon given few more than four."""
    under_way: list[int] = []
    case = upstream.on(json_answer({}))

    def script(request: Any) -> Any:
        under_way.append(1)
        if len(under_way) > 4:
            under_way.pop()
            yield from SLOW_DOWN
            return
        yield Pause(0.05)
        under_way.pop()
        yield from json_answer({})

    case.script = script
    gateway = start_gateway(models=models(case, start=16, most=64, queue=1_000, queue_seconds=60))
    with ThreadPoolExecutor(24) as pool:
        for _ in range(6):
            list(pool.map(lambda _: answer_of(gateway).status, range(24)))
    assert Scrape(gateway).sum("target_limit", model=case.name) <= 8
