"""The limit that is learned, and the fair line before it."""

import asyncio
from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.wire.errors import Overloaded
from config.routing import Concurrency
from gateway.auth import Caller
from gateway.call import Attempt, Call
from gateway.routing.concurrency import Gate, Limit, Line
from tests.gateway.calls import a_call, a_target

TARGET = a_target()
MOVES = ("enter", "leave", "cancel", "grow", "shrink")
NARROW = Concurrency(start=1, queue=2, queue_seconds=30)


def ended(
    status: int = 200, error: str | None = None, *, began: float = 0.0, first: float = 0.1, streamed: bool = False
) -> Attempt:
    attempt = Attempt(b"att_1", TARGET, "first", began)
    attempt.status, attempt.error = status, error
    attempt.first = 0.0 if error else began + first
    attempt.ended = began + first + (5.0 if streamed else 0.0)
    return attempt


def of(name: str) -> Call:
    return a_call(caller=Caller(name, ["*"]))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_limit_begins_where_it_is_told_to() -> None:
    assert Limit(Concurrency(start=16)).value == 16
    assert Limit(Concurrency(start=16, most=4)).value == 4
    assert Limit(Concurrency(start=16, least=20)).value == 20


def test_a_round_of_answers_raises_it_by_one_up_to_the_most() -> None:
    limit = Limit(Concurrency(start=10, most=12))
    for _ in range(11):
        limit.learn(ended(), 10, 1.0)
    assert int(limit.value) == 11
    for _ in range(100):
        limit.learn(ended(), 12, 1.0)
    assert limit.value == 12


def test_it_does_not_rise_while_half_of_it_is_unused() -> None:
    limit = Limit(Concurrency(start=10))
    for _ in range(100):
        limit.learn(ended(), 4, 1.0)
    assert limit.value == 10


@pytest.mark.parametrize(("status", "error"), [(429, "rate_limit"), (503, "busy"), (529, "x"), (0, "upstream_timeout")])
def test_a_refusal_cuts_it_down_to_the_least(status: int, error: str) -> None:
    limit = Limit(Concurrency(start=10, least=3))
    limit.learn(ended(status, error, began=1.0), 10, 2.0)
    assert limit.value == pytest.approx(7)
    for n in range(20):
        limit.learn(ended(status, error, began=3.0 + n), 10, 3.5 + n)
    assert limit.value == 3


def test_refusals_of_calls_that_were_under_way_together_cut_once() -> None:
    limit = Limit(Concurrency(start=10))
    for _ in range(10):
        limit.learn(ended(429, "rate_limit", began=1.0), 10, 2.0)
    assert limit.value == pytest.approx(7)


@pytest.mark.parametrize(("status", "error"), [(400, "invalid_value"), (499, "x"), (500, "server_error")])
def test_what_says_nothing_of_room_changes_nothing(status: int, error: str) -> None:
    limit = Limit(Concurrency(start=10))
    limit.learn(ended(status, error, began=1.0), 10, 2.0)
    assert limit.value == 10


def test_streams_that_begin_much_later_than_usual_cut_it() -> None:
    limit = Limit(Concurrency(start=10))
    for _ in range(50):
        limit.learn(ended(first=0.2, streamed=True), 1, 1.0)
    for n in range(20):
        limit.learn(ended(first=2.0, streamed=True, began=10.0 + n), 1, 12.5 + n)
    assert limit.value < 8


def test_long_answers_do_not() -> None:
    limit = Limit(Concurrency(start=10))
    for seconds in (1.0, 60.0, 60.0, 60.0, 60.0, 60.0):
        limit.learn(ended(first=seconds), 1, 100.0)
    assert limit.value == 10


@given(st.lists(st.one_of(st.sampled_from("abcd"), st.none()), max_size=200))
def test_callers_take_turns_and_each_keeps_its_own_order(moves: list[str | None]) -> None:
    """Against a plain model: nobody is served twice while another who waited all along is not served."""
    loop = asyncio.new_event_loop()
    line, model, served_since = Line(), dict[str, deque[asyncio.Future[bool]]](), Counter[str]()
    for move in moves:
        if move is not None:
            place: asyncio.Future[bool] = loop.create_future()
            if not model.get(move):
                served_since = Counter(dict.fromkeys(served_since, 0) | {move: 0})
            model.setdefault(move, deque()).append(place)
            line.join(move, place)
            continue
        taken = line.next()
        waiting = {name: places for name, places in model.items() if places}
        if not waiting:
            assert taken is None
            continue
        (caller,) = [name for name, places in waiting.items() if places[0] is taken]
        served_since[caller] += 1
        assert served_since[caller] <= 1 + min(served_since[name] for name in waiting)
        model[caller].popleft()
    assert line.waiting == sum(map(len, model.values()))
    loop.close()


async def test_a_place_is_given_to_who_waits_and_in_turns() -> None:
    gate = Gate(Concurrency(start=1))
    await gate.enter(of("a"))
    order: list[str] = []

    async def wait(name: str) -> None:
        await gate.enter(of(name))
        order.append(name)
        gate.leave()

    tasks = [asyncio.create_task(wait(name)) for name in ("flood", "flood", "flood", "other")]
    await settle()
    assert gate.waiting == 4
    gate.leave()
    await asyncio.gather(*tasks)
    assert order == ["flood", "other", "flood", "flood"]
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_a_full_line_refuses_with_retry_after() -> None:
    gate = Gate(NARROW)
    await gate.enter(of("a"))
    tasks = [asyncio.create_task(gate.enter(of("a"))) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await gate.enter(of("a"))
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    for _ in tasks:
        gate.leave()
    await asyncio.gather(*tasks)


async def test_a_line_that_the_providers_429_filled_answers_429() -> None:
    gate = Gate(Concurrency(start=1, queue=0))
    now = asyncio.get_running_loop().time()
    gate.limit.learn(ended(429, "rate_limit", began=now), 1, now)
    await gate.enter(of("a"))
    with pytest.raises(Overloaded) as caught:
        await gate.enter(of("a"))
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")


async def test_a_flood_does_not_keep_another_caller_out_of_a_full_line() -> None:
    gate = Gate(NARROW)
    await gate.enter(of("flood"))
    flood = [asyncio.create_task(gate.enter(of("flood"))) for _ in range(2)]
    await settle()
    other = asyncio.create_task(gate.enter(of("other")))
    await settle()
    with pytest.raises(Overloaded):
        await flood[1]
    gate.leave()
    gate.leave()
    await asyncio.gather(flood[0], other)


async def test_a_call_that_is_cancelled_leaves_the_line() -> None:
    gate = Gate(NARROW)
    await gate.enter(of("a"))
    task = asyncio.create_task(gate.enter(of("b")))
    await settle()
    task.cancel()
    await settle()
    assert gate.waiting == 0
    gate.leave()
    assert gate.inside == 0


async def test_a_call_that_is_cancelled_as_it_is_let_in_gives_its_place_back() -> None:
    gate = Gate(NARROW)
    await gate.enter(of("a"))
    task = asyncio.create_task(gate.enter(of("b")))
    await settle()
    gate.leave()
    task.cancel()
    await settle()
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_waiting_ends_after_queue_seconds() -> None:
    gate = Gate(Concurrency(start=1, queue_seconds=0.05))
    await gate.enter(of("a"))
    with pytest.raises(Overloaded):
        await gate.enter(of("b"))
    assert gate.waiting == 0


async def test_waiting_ends_with_the_calls_own_time() -> None:
    gate = Gate(Concurrency(start=1, queue_seconds=600))
    await gate.enter(of("a"))
    call = of("b")
    call.deadline = asyncio.get_running_loop().time() + 0.05
    with pytest.raises(Overloaded):
        await gate.enter(call)


async def test_a_limit_that_grew_lets_several_in() -> None:
    gate = Gate(Concurrency(start=1))
    await gate.enter(of("a"))
    tasks = [asyncio.create_task(gate.enter(of("b"))) for _ in range(3)]
    await settle()
    gate.limit.value = 3.0
    gate.leave()
    await settle()
    assert (gate.inside, gate.waiting) == (3, 0)
    await asyncio.gather(*tasks)


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(["enter", "leave", "cancel", "grow", "shrink"]), st.integers(0, 20)), max_size=60
    )
)
def test_nothing_is_lost_or_let_in_twice(moves: list[tuple[str, int]]) -> None:
    asyncio.run(_follow(moves))


async def _follow(moves: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, as many are inside as were let in, and at the end nobody is."""
    gate = Gate(Concurrency(start=3, queue=5, queue_seconds=600))
    tasks: list[asyncio.Task[None]] = []
    inside = 0

    def count() -> int:
        return sum(task.done() and not task.cancelled() and task.exception() is None for task in tasks)

    for move, number in moves:
        if move == "enter":
            tasks.append(asyncio.create_task(gate.enter(of("abc"[number % 3]))))
        elif move == "leave" and count() > inside:
            inside += 1
            gate.leave()
        elif move == "cancel" and tasks:
            tasks[number % len(tasks)].cancel()
        elif move in ("grow", "shrink"):
            gate.limit.value = 5.0 if move == "grow" else 1.0
        if number % 2:
            await settle()
    await settle()
    assert gate.inside == count() - inside
    gate.limit.value = 1.0
    while gate.inside:
        gate.leave()
        await settle()
    assert gate.waiting == 0
    await asyncio.gather(*tasks, return_exceptions=True)
