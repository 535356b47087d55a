"""Hedging: a second attempt beside a first that is late, capped; the loser ends at once and is accounted for apart."""

import json
import time
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.reliability import DONE, WHOLE, causes, delta, model, text_of, told
from tests.upstream import Case, Hang, Pause, Request, Step, Upstream, event_stream, json_answer

WARM_UP = 40
"""Calls from which the gateway learns how long a target takes."""


class Target:
    """A model that answers at once until it is told to be slow."""

    def __init__(self, upstream: Upstream, seconds: float | None = None) -> None:
        self._seconds = seconds
        self.is_slow = False
        self.case: Case = upstream.on(self._answer)

    def _answer(self, request: Request) -> tuple[Step, ...]:
        wait: tuple[Step, ...] = ()
        if self.is_slow:
            wait = (Hang() if self._seconds is None else Pause(self._seconds),)
        if request.json.get("stream"):
            return (*wait, *event_stream(delta("Well."), delta(finish="stop"), DONE))
        return (*wait, *json_answer(WHOLE))


def warm(gateway: GatewayProcess, target: Target, *others: Case) -> None:
    """Let the gateway learn how fast the target is, then make it slow.

    On a busy machine some of these calls are late too, and hedged.
    """
    with RawClient(gateway.port) as client:
        for _ in range(WARM_UP):
            client.post(chat("m"))
            assert client.answer().status == 200
    target.is_slow = True
    for case in (target.case, *others):
        case.forget()


@pytest.fixture
def slow(upstream: Upstream) -> Target:
    return Target(upstream)


@pytest.fixture
def other(upstream: Upstream) -> Case:
    return Target(upstream).case


def hedged(start_gateway: StartGateway, *cases: Case, server: Any = None, **hedge: float) -> GatewayProcess:
    settings = {"share": 1, "cost_share": 1, **hedge}
    return start_gateway(server, models={"m": model(*cases, hedge=settings)})


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_late_first_attempt_is_overtaken_by_a_second(
    start_gateway: StartGateway, slow: Target, other: Case, stream: bool
) -> None:
    gateway = hedged(start_gateway, slow.case, other)
    warm(gateway, slow)
    answer = ask(gateway.port, chat("m", stream=stream))
    assert answer.status == 200
    assert [(each.cause, each.status) for each in told(answer)] == [("first", "499"), ("hedge", "200")]
    if stream:
        assert text_of(answer) == "Well."
    slow.case.requests[-1].closed_at()


def test_the_second_loses_where_the_first_is_faster_after_all(start_gateway: StartGateway, upstream: Upstream) -> None:
    first, second = Target(upstream, seconds=0.5), Target(upstream)
    second.is_slow = True
    gateway = hedged(start_gateway, first.case, second.case)
    warm(gateway, first)
    answer = ask(gateway.port, chat("m"))
    assert answer.header("x-isthmus-model") == first.case.name
    assert causes(answer) == ["first", "hedge"]
    second.case.requests[-1].closed_at()


def test_no_more_than_a_share_of_the_requests_is_hedged(
    start_gateway: StartGateway, upstream: Upstream, other: Case
) -> None:
    first = Target(upstream, seconds=0.05)
    gateway = hedged(start_gateway, first.case, other, share=0.1)
    warm(gateway, first)
    listed = [causes(ask(gateway.port, chat("m"))) for _ in range(20)]
    assert 1 <= sum("hedge" in each for each in listed) <= (WARM_UP + 20) * 0.1


def test_losers_cost_no_more_than_their_share(start_gateway: StartGateway, upstream: Upstream, other: Case) -> None:
    first = Target(upstream, seconds=0.05)
    gateway = hedged(start_gateway, first.case, other, cost_share=0)
    warm(gateway, first)
    assert causes(ask(gateway.port, chat("m"))) == []


def test_routes_that_do_not_ask_for_it_are_not_hedged(
    start_gateway: StartGateway, upstream: Upstream, other: Case
) -> None:
    first = Target(upstream, seconds=0.2)
    gateway = start_gateway(models={"m": model(first.case, other)})
    warm(gateway, first)
    assert causes(ask(gateway.port, chat("m"))) == []


def test_when_both_fail_the_search_goes_on(start_gateway: StartGateway, upstream: Upstream, slow: Target) -> None:
    down = upstream.on((Pause(0.1), *json_answer({"error": {"message": "Down."}}, status=500)))
    good = Target(upstream).case
    gateway = start_gateway(
        provider={"timeouts": {"first_byte": 0.5}},
        models={"m": model(slow.case, down, good, hedge={"share": 1, "cost_share": 1}, retry={"attempts": 1})},
    )
    warm(gateway, slow)
    answer = ask(gateway.port, chat("m"))
    assert (answer.status, causes(answer)) == (200, ["first", "hedge", "fallback"])


def test_a_client_that_leaves_ends_both(start_gateway: StartGateway, upstream: Upstream, slow: Target) -> None:
    other = upstream.on([Hang()])
    gateway = hedged(start_gateway, slow.case, other)
    warm(gateway, slow, other)
    with RawClient(gateway.port) as client:
        client.post(chat("m"))
        request = other.request()
    request.closed_at()
    slow.case.requests[-1].closed_at()


def test_a_deadline_ends_both(start_gateway: StartGateway, upstream: Upstream, slow: Target) -> None:
    other = upstream.on([Hang()])
    gateway = hedged(start_gateway, slow.case, other)
    warm(gateway, slow, other)
    answer = ask(gateway.port, chat("m"), x_isthmus_timeout="0.5")
    assert answer.error["code"] == "deadline_exceeded"
    assert [each["cause"] for each in answer.error["attempts"]] == ["first", "hedge"]
    other.request().closed_at()


def test_the_request_log_tells_the_loser_apart(start_gateway: StartGateway, slow: Target, other: Case) -> None:
    gateway = hedged(start_gateway, slow.case, other, server={"request_log": True})
    warm(gateway, slow)
    ask(gateway.port, chat("m"))
    gateway.terminate()
    gateway.wait()
    lines = [json.loads(line[line.index("{") :]) for line in gateway.log.splitlines() if '"attempts"' in line]
    assert lines[-1]["attempts"] == ["scripted:first:499", "scripted:hedge:200"]


def test_what_comes_after_a_winners_beginning_is_its_own(start_gateway: StartGateway, upstream: Upstream) -> None:
    slow = Target(upstream)
    other = upstream.on(event_stream(CHUNK, Pause(0.2), delta("b"), delta(finish="stop"), DONE))
    gateway = hedged(start_gateway, slow.case, other)
    warm(gateway, slow)
    began = time.monotonic()
    answer = ask(gateway.port, chat("m", stream=True))
    assert text_of(answer) == "ab"
    assert time.monotonic() - began >= 0.2
