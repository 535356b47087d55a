"""A place that was taken at a target is given back once, and an attempt ends once, however a call ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias, cast

import pytest

from adapters.inference.contract import NoOptions, Target
from adapters.wire.errors import GatewayError, Overloaded, UpstreamError
from adapters.wire.usage import Usage
from config.facts import Facts
from config.routing import Deployment, Hedge, Model, Retry
from config.schema import Config, Provider, Timeouts
from gateway.call import Attempt, Call, Cause, Reply
from gateway.dispatch import Dispatch
from gateway.observe.counters import Counters
from gateway.onion import Live, build
from gateway.relay import relay
from gateway.routing.deadline import answer_before
from gateway.routing.router import Router
from gateway.routing.routes import Routes
from tests.gateway.calls import a_call, surroundings
from tests.gateway.routing.in_order import InOrder
from tests.scenarios.raw import CHUNK
from tests.upstream import Case, Cut, Hang, Upstream, event_stream, frame, json_answer

DONE = frame("[DONE]")
Answer: TypeAlias = Callable[[Call], Coroutine[Any, Any, None]]
CONTINUES = {"lab/*": Facts(continues=True)}
TWO = Config(
    providers={"lab": Provider(base_url="http://lab/v1")},
    models={"m": Model(deployments=[Deployment(provider="lab", model=name) for name in ("one", "two")])},
)
ANSWER = json_answer({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})


class Places(InOrder):
    """Counts who is where."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.left: list[str] = []
        self.ended: list[Attempt] = []
        self.full = ""

    def enter(self, call: Call, target: Target) -> None:
        if target.model == self.full:
            raise Overloaded("No room.")
        self.taken.append(target.model)

    def leave(self, target: Target, attempt: Attempt | None) -> None:
        self.left.append(target.model)
        if attempt is not None:
            assert attempt.ended
            self.ended.append(attempt)

    def first_content_within(self, target: Target, quantile: float) -> float | None:
        return 0.05


Serve: TypeAlias = Callable[..., Answer]


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
async def serve(upstream: Upstream, places: Places) -> AsyncIterator[Serve]:
    """Answers calls of a model with these cases, and sends the answer to nobody."""
    running: list[Live] = []

    def start(*cases: Case, **settings: Any) -> Answer:
        around = surroundings()
        deployments = [Deployment(provider="lab", model=case.name) for case in cases]
        retry = Retry(attempts=2, backoff=0.001)
        model = Model(deployments=deployments, **{"retry": retry, **settings})
        provider = Provider(base_url=upstream.base_url, timeouts=Timeouts(first_byte=1))
        live = Live(build(Config(providers={"lab": provider}, models={"m": model}, facts=CONTINUES), around), around)
        running.append(live)
        router = Router(Dispatch(live.onion.providers, live.count), places, Counters())

        async def answer(call: Call) -> None:
            call.route = live.onion.routes.find("m")
            reply: Reply = await (answer_before(call, 0.3, router) if call.client_headers else router(call))
            await relay(call, reply, nobody, live.count)

        return answer

    yield start
    for live in running:
        await live.close()


async def nobody(message: Any) -> None:
    """Take what is sent."""


def assert_all_left(places: Places, call: Call) -> None:
    assert sorted(places.taken) == sorted(places.left)
    assert all(attempt.ended for attempt in call.attempts)
    assert sorted(each.id for each in places.ended) == sorted(each.id for each in call.attempts)


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_after_an_answer(serve: Serve, upstream: Upstream, places: Places, stream: bool) -> None:
    call = a_call(stream=stream)
    await serve(upstream.on(event_stream(CHUNK, DONE) if stream else ANSWER))(call)
    assert_all_left(places, call)


async def test_after_a_stream_that_broke(serve: Serve, upstream: Upstream, places: Places) -> None:
    call = a_call(stream=True)
    await serve(upstream.on(event_stream(CHUNK, Cut())))(call)
    assert_all_left(places, call)
    assert call.attempts[0].error == "upstream_unreachable"


async def test_after_retries_and_fallbacks(serve: Serve, upstream: Upstream, places: Places) -> None:
    call = a_call()
    with pytest.raises(GatewayError):
        await serve(upstream.on([Cut()]), upstream.on([Cut()]))(call)
    assert len(places.taken) == 4
    assert_all_left(places, call)


async def test_a_target_without_room_was_never_entered(serve: Serve, upstream: Upstream, places: Places) -> None:
    full, call = upstream.on(ANSWER), a_call()
    places.full = full.name
    await serve(full, upstream.on(ANSWER))(call)
    assert [each.cause for each in call.attempts] == ["fallback"]
    assert_all_left(places, call)


@pytest.mark.parametrize("steps", [(Hang(),), event_stream(CHUNK, Hang())], ids=["before", "in a stream"])
async def test_after_a_client_that_left(serve: Serve, upstream: Upstream, places: Places, steps: Any) -> None:
    case, call = upstream.on(steps), a_call(stream=True)
    task = asyncio.create_task(serve(case)(call))
    await asyncio.to_thread(case.request)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_all_left(places, call)
    assert call.attempts[0].status == 499


@pytest.mark.parametrize("steps", [(Hang(),), event_stream(CHUNK, Hang())], ids=["before", "in a stream"])
async def test_after_a_deadline(serve: Serve, upstream: Upstream, places: Places, steps: Any) -> None:
    call = a_call(stream=True)
    call.client_headers[b"x-isthmus-timeout"] = b"0.3"
    try:
        await serve(upstream.on(steps))(call)
    except GatewayError as error:
        assert error.code == "deadline_exceeded"  # noqa: PT017 - only one of the two raises
    assert_all_left(places, call)
    assert call.attempts[0].error == "deadline_exceeded"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
async def test_after_a_race(serve: Serve, upstream: Upstream, places: Places, stream: bool) -> None:
    good = upstream.on(event_stream(CHUNK, DONE) if stream else ANSWER)
    answer = serve(upstream.on([Hang()]), good, hedge=Hedge(share=1, cost_share=1))
    before, call = a_call(stream=stream), a_call(stream=stream)
    await answer(before)
    before.usage = Usage(prompt_tokens=1_000)  # what losers may cost is a part of it
    before.close()
    await answer(call)
    assert [(each.cause, each.status) for each in call.attempts] == [("first", 499), ("hedge", 200)]
    assert sorted(places.taken) == sorted(places.left)
    assert all(attempt.ended for attempt in call.attempts)
    assert call.attempts[0].usage is not None
    assert call.attempts[0].usage.estimated


@pytest.mark.parametrize(
    "rest",
    [event_stream(CHUNK, DONE), event_stream(CHUNK, Cut()), [Cut()]],
    ids=["whole", "broken too", "refused"],
)
async def test_after_a_continuation(serve: Serve, upstream: Upstream, places: Places, rest: Any) -> None:
    call = a_call(stream=True, messages=[{"role": "user", "content": "a"}])
    await serve(upstream.on(event_stream(CHUNK, Cut())), upstream.on(rest), broken_stream="continue")(call)
    assert [each.cause for each in call.attempts] == ["first", "continuation"]
    assert_all_left(places, call)


async def test_each_of_two_attempts_at_once_is_told_of_its_own(places: Places) -> None:
    call, at_once = a_call(), asyncio.Barrier(2)
    call.route = Routes(TWO, lambda name: NoOptions()).find("m")

    class Meeting:
        """Answers a first attempt, and fails the second, once both are under way."""

        async def attempt(self, call: Call, target: Target, cause: Cause) -> Reply:
            attempt = call.begin(target, cause, 1.0)
            await at_once.wait()
            attempt.ended = 2.0
            if target.model == "two":
                attempt.error = "down"
                raise UpstreamError("Down.", code="down")
            return Reply(200, [])

    router = Router(cast(Dispatch, Meeting()), places, Counters())
    await asyncio.gather(*(router._ask(call, target, "first") for target in call.route.targets), return_exceptions=True)
    assert {each.target.model: each.error for each in places.ended} == {"one": None, "two": "down"}
