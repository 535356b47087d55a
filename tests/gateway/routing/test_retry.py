"""When a target is asked again: the wait, the bounds, and what clients are told of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.contract import Target
from adapters.wire.errors import (
    BadRequest,
    GatewayError,
    Overloaded,
    UnsupportedParameter,
    UpstreamError,
    UpstreamTimeout,
)
from config.routing import Deployment, Model, Retry
from gateway.call import Attempt, Call, Cause, Reply
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.attempts import attempts_header, tell
from gateway.routing.refusals import most_telling
from gateway.routing.retry import Search, wait_before
from gateway.routing.traffic import Budget, Window
from tests.gateway.calls import a_call, a_target

SECONDS = st.floats(0.001, 10)


@given(st.integers(1, 30), SECONDS, SECONDS, st.none() | SECONDS)
def test_a_wait_is_within_its_bounds(tries: int, backoff: float, most: float, told: float | None) -> None:
    wait = wait_before(tries, Retry(backoff=backoff, backoff_most=most), told)
    if told is not None and told > most:
        assert wait is None
    else:
        assert wait is not None
        assert (told or 0) <= wait <= (told or 0) + min(backoff * 2 ** (tries - 1), most)


def test_waits_differ() -> None:
    assert len({wait_before(3, Retry(), None) for _ in range(20)}) > 10


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 5)), max_size=40))
def test_a_window_forgets_what_is_older(events: list[tuple[float, int]]) -> None:
    window, now, kept = Window(30), 1_000.0, []
    for pause, amount in events:
        now += pause
        window.add(now, amount)
        kept.append((now, amount))
    total = window.total(now)
    assert sum(amount for at, amount in kept if now - at < 27) <= total
    assert total <= sum(amount for at, amount in kept if now - at <= 33)


def test_a_budget_is_a_share_and_a_floor() -> None:
    budget = Budget(0.2)
    for _ in range(50):
        budget.note(1_000.0)
    assert [budget.take(1_001.0) for _ in range(25)] == [True] * 20 + [False] * 5
    assert budget.take(1_040.0)


class Asked:
    """Answers as it is told; keeps what it was asked and when the budget may be empty."""

    def __init__(self, *faults: GatewayError) -> None:
        self._faults = list(faults)
        self.asked: list[tuple[str, Cause]] = []

    async def __call__(self, call: Call, target: Target, cause: Cause) -> Reply:
        self.asked.append((target.provider, cause))
        if self._faults:
            raise self._faults.pop(0)
        return Reply(200, [])


def a_route(targets: Sequence[Target], **settings: Any) -> Route:
    deployments = [Deployment(provider=target.provider, model=target.model) for target in targets]
    retry = Retry(attempts=2, backoff=0.001, backoff_most=1)
    facts = (None,) * len(targets)
    return Route("m", Model(deployments=deployments, **{"retry": retry, **settings}), tuple(targets), facts)


async def search(fault: GatewayError, asked: Asked, *, call: Call | None = None, **settings: Any) -> Reply:
    targets = [a_target(name) for name in ("one", "two", "three")]
    route = a_route(targets, **settings)
    return await Search(asked, call or a_call(), route, targets, Counters()).after(fault)


async def test_the_same_target_is_asked_before_the_next() -> None:
    asked = Asked(UpstreamTimeout("2"), UpstreamError("3", status=500))
    await search(UpstreamTimeout("1"), asked)
    assert asked.asked == [("one", "retry"), ("two", "fallback"), ("two", "retry")]


@pytest.mark.parametrize("fault", [Overloaded("full"), BadRequest("no words for it"), UnsupportedParameter("seed")])
async def test_a_target_without_room_or_words_is_not_pressed(fault: GatewayError) -> None:
    asked = Asked()
    await search(fault, asked)
    assert asked.asked == [("two", "fallback")]


async def test_no_wait_reaches_beyond_the_deadline() -> None:
    asked, call = Asked(), a_call()
    call.deadline = asyncio.get_running_loop().time() + 0.2
    await search(UpstreamError("busy", status=429, retry_after=0.5), asked, call=call)
    assert asked.asked == [("two", "fallback")]


async def test_what_a_client_did_wrong_ends_the_search() -> None:
    asked = Asked(UpstreamError("wrong", status=400))
    with pytest.raises(UpstreamError, match="wrong"):
        await search(UpstreamTimeout("slow"), asked)
    assert asked.asked == [("one", "retry")]


async def test_a_search_keeps_no_fault_alive() -> None:
    fault = UpstreamTimeout("1")
    with pytest.raises(UpstreamError) as caught:
        await search(fault, Asked(*[UpstreamTimeout("again")] * 5))
    frames = []
    trace = caught.value.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    assert not [
        value
        for frame in frames
        for value in frame.f_locals.values()
        if isinstance(value, GatewayError) and frame.f_code.co_name == "after"
    ]


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([UpstreamTimeout("a"), UpstreamError("b", status=503)], "b"),
        ([UpstreamError("a", status=503), Overloaded("b")], "a"),
        ([Overloaded("a"), BadRequest("b")], "a"),
        ([UpstreamError("a", status=401), Overloaded("b")], "b"),
        ([BadRequest("a"), UpstreamError("b", status=404)], "b"),
        ([UpstreamTimeout("a"), UpstreamError("b", status=400)], "b"),
    ],
)
def test_the_most_telling_fault(faults: list[GatewayError], told: str) -> None:
    assert most_telling(faults).message == told


def attempts(count: int, model: str = "llama", error: str | None = None) -> list[Attempt]:
    made = [Attempt(b"att", a_target(model=model), "retry", 1.0) for _ in range(count)]
    for attempt in made:
        attempt.error, attempt.ended = error, 1.25
    return made


def test_the_header_is_a_list_of_strings_with_parameters() -> None:
    assert attempts_header(attempts(1, error="down")) == (
        b"x-isthmus-attempts",
        b'"lab/llama";cause=retry;error=down;ms=250',
    )


@given(st.text(max_size=300), st.none() | st.text(min_size=1, max_size=300), st.integers(1, 300))
def test_the_header_is_safe_and_bounded(model: str, error: str | None, count: int) -> None:
    _, value = attempts_header(attempts(count, model, error))
    assert len(value) < 8_192
    assert all(0x20 <= byte < 0x7F for byte in value)
    assert value.count(b"cause=") == min(count, 16)


async def test_an_error_that_is_told_twice_lists_its_attempts_once() -> None:
    call, error = a_call(), UpstreamError("Down.")
    call.attempts += attempts(2)
    tell(error, call)
    headers = error.headers
    tell(error, call)
    assert error.headers == headers
    assert error.message == "Down. Tried: lab/llama (0), lab/llama (0)."


@pytest.mark.parametrize("said", ["Down", "Down."])
async def test_what_was_tried_is_a_sentence_of_its_own(said: str) -> None:
    call, error = a_call(), UpstreamError(said)
    call.attempts += attempts(2)
    tell(error, call)
    assert error.message.startswith("Down. Tried: ")
