"""Who pays, who is told what, and what is left behind when identical calls share one."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any, cast

import pytest

from adapters.inference.contract import StreamDecoder, error_frame
from adapters.wire.errors import BadRequest, GatewayError, UpstreamError
from adapters.wire.usage import Usage
from config.caching import Cache
from config.routing import Deployment, Model
from gateway.call import Call, Reply, Stream
from gateway.layers.single_flight import SingleFlight
from gateway.observe.counters import Counters
from gateway.relay import relay
from gateway.route import Route
from gateway.upstream.pool import Response
from tests.gateway.calls import a_call, a_target
from tests.gateway.test_relay import Chunks, Client, Echo

COUNTED = Usage(prompt_tokens=1, completion_tokens=2, estimated=True)
TARGET = a_target()


ROUTE = Route("m", Model(deployments=[Deployment(provider="lab", model="llama")], cache=Cache()), (TARGET,), (None,))


def cached_call(**fields: Any) -> Call:
    call = a_call(messages=[], **fields)
    call.route = ROUTE
    call.cache = "miss"
    return call


class Targets:
    """The layers behind: each call is an attempt, and is answered when the test says so."""

    def __init__(self, answer: Callable[[Call], Reply]) -> None:
        self._answer = answer
        self.calls: list[Call] = []
        self.counted = 0
        self.go = asyncio.Event()
        self.layer = SingleFlight(self.ask, Counters(), self.count)

    async def ask(self, call: Call) -> Reply:
        now = asyncio.get_running_loop().time
        self.calls.append(call)
        attempt = call.begin(TARGET, "first", now())
        try:
            await self.go.wait()
        except asyncio.CancelledError as error:
            attempt.fail(error, now())
            raise
        reply = self._answer(call)
        if reply.stream is not None:
            reply.stream.attempt = attempt
        return reply

    async def count(self, call: Call) -> Usage:
        self.counted += 1
        return COUNTED

    async def asked(self, *calls: Call) -> list[asyncio.Task[Reply]]:
        """All of them wait."""
        tasks = [asyncio.ensure_future(self.layer(call)) for call in calls]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


def whole(call: Call) -> Reply:
    call.usage = Usage(prompt_tokens=3)
    return Reply(200, [(b"x-request-id", b"first"), (b"x-isthmus-attempts", b"lab")], b"{}")


def failing(error: GatewayError) -> Callable[[Call], Reply]:
    def answer(call: Call) -> Reply:
        raise error

    return answer


def streaming(*chunks: bytes | BaseException, owes_usage: bool = False) -> Callable[[Call], Reply]:
    def answer(call: Call) -> Reply:
        response = cast(Response, Chunks(*chunks, ends_with_last=True))
        return Reply(200, [], stream=Stream(b"", cast(StreamDecoder, Echo(owes_usage)), response, error_frame))

    return answer


async def told(targets: Targets, call: Call, reply: Reply) -> bytes:
    """What the client of a call is sent."""
    client = Client()
    await relay(call, reply, client, targets.count)
    return b"".join(client.bodies)


async def test_the_first_pays_and_all_are_told_the_usage() -> None:
    targets = Targets(whole)
    calls = [cached_call() for _ in range(3)]
    tasks = await targets.asked(*calls)
    targets.go.set()
    await asyncio.gather(*tasks)
    assert [len(call.attempts) for call in calls] == [1, 0, 0]
    assert [call.cache for call in calls] == ["miss", "joined", "joined"]
    assert {call.usage for call in calls} == {Usage(prompt_tokens=3)}
    assert len(targets.calls) == 1


async def test_each_has_headers_of_its_own() -> None:
    targets = Targets(whole)
    calls = [cached_call() for _ in range(2)]
    calls[1].request_id = b"second"
    tasks = await targets.asked(*calls)
    targets.go.set()
    first, second = await asyncio.gather(*tasks)
    first.headers.append((b"added", b"later"))
    assert second.headers == [(b"x-request-id", b"second")]


PROVIDERS_LIMITS = (b"x-ratelimit-limit-requests", b"9")
RENAMED = (b"x-isthmus-upstream-ratelimit-limit-requests", b"9")


async def test_who_is_limited_is_told_anothers_providers_limits_under_another_name() -> None:
    targets = Targets(lambda call: Reply(200, [PROVIDERS_LIMITS], b"{}"))
    calls = [cached_call() for _ in range(2)]
    calls[1].is_limited = True
    tasks = await targets.asked(*calls)
    targets.go.set()
    free, limited = await asyncio.gather(*tasks)
    assert PROVIDERS_LIMITS in free.headers
    assert RENAMED in limited.headers
    assert PROVIDERS_LIMITS not in limited.headers


async def test_so_is_who_is_told_anothers_error() -> None:
    targets = Targets(failing(BadRequest("no", headers=(PROVIDERS_LIMITS,))))
    calls = [cached_call() for _ in range(2)]
    calls[1].is_limited = True
    tasks = await targets.asked(*calls)
    targets.go.set()
    await asyncio.wait(tasks)
    headers = [error.headers for task in tasks if isinstance(error := task.exception(), GatewayError)]
    assert headers == [(PROVIDERS_LIMITS,), (RENAMED,)]


async def test_the_next_pays_when_the_first_leaves() -> None:
    targets = Targets(whole)
    calls = [cached_call() for _ in range(2)]
    tasks = await targets.asked(*calls)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    assert (calls[0].attempts, calls[0].target) == ([], None)
    targets.go.set()
    await tasks[1]
    assert len(calls[1].attempts) == 1
    assert calls[1].target is TARGET
    assert calls[1].cache == "miss", "what it used would not be counted"


async def test_the_attempt_is_over_when_the_last_has_left() -> None:
    targets = Targets(whole)
    call = cached_call()
    (task,) = await targets.asked(call)
    task.cancel()
    await asyncio.wait((task,))
    assert [attempt.status for attempt in call.attempts] == [499]
    (again,) = await targets.asked(cached_call())
    assert len(targets.calls) == 2, "it joined what was left"
    again.cancel()


async def test_an_error_is_everybodys_own() -> None:
    targets = Targets(failing(BadRequest("No.", headers=((b"x-request-id", b"first"),))))
    tasks = await targets.asked(*(cached_call() for _ in range(3)))
    targets.go.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    assert [cast(GatewayError, error).headers for error in errors] == [((b"x-request-id", b"first"),), (), ()]
    assert len(targets.calls) == 1


async def test_a_takeover_is_paid_by_who_takes_over() -> None:
    targets = Targets(failing(UpstreamError("Later.", status=503)))
    calls = [cached_call() for _ in range(3)]
    tasks = await targets.asked(*calls)
    targets.go.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, UpstreamError) for error in errors)
    assert [len(call.attempts) for call in calls] == [1, 1, 0]
    assert [call.cache for call in calls] == ["miss", "miss", "joined"]


async def test_a_stream_is_the_same_for_all_and_its_usage_is_counted_once() -> None:
    targets = Targets(streaming(b"a", b"b", b"c", owes_usage=True))
    calls = [cached_call(stream=True) for _ in range(3)]
    tasks = await targets.asked(*calls)
    targets.go.set()
    replies = await asyncio.gather(*tasks)
    bodies = await asyncio.gather(*(told(targets, *each) for each in zip(calls, replies, strict=True)))
    assert set(bodies) == {b"abc[counted]"}
    assert targets.counted == 1
    assert {call.usage for call in calls} == {COUNTED}
    assert [len(call.attempts) for call in calls] == [1, 0, 0]
    assert calls[0].attempts[0].ended > 0


async def test_who_comes_late_gets_a_stream_from_its_beginning() -> None:
    targets = Targets(streaming(b"a", b"b", b"hang"))
    targets.go.set()
    first = cached_call(stream=True)
    stream = (await targets.layer(first)).stream
    assert stream is not None
    assert await stream.response.chunk() == b"a"
    assert await stream.response.chunk() == b"b"
    late = (await targets.layer(cached_call(stream=True))).stream
    assert late is not None
    assert await late.response.chunk() == b"ab"
    stream.response.close()
    assert cast(Chunks, targets_response(late)).closed == 0
    late.response.close()


async def test_a_stream_that_all_have_left_is_closed() -> None:
    targets = Targets(streaming(b"a", b"hang"))
    targets.go.set()
    calls = [cached_call(stream=True) for _ in range(2)]
    streams = [cast(Stream, (await targets.layer(call)).stream) for call in calls]
    inner = targets_response(streams[0])
    for stream in streams:
        assert cast(Chunks, inner).closed == 0
        stream.response.close()
    assert cast(Chunks, inner).closed
    assert [attempt.status for call in calls for attempt in call.attempts] == [499]


async def test_a_stream_that_breaks_breaks_for_all() -> None:
    targets = Targets(streaming(b"a", UpstreamError("Cut.", code="cut")))
    calls = [cached_call(stream=True) for _ in range(2)]
    tasks = await targets.asked(*calls)
    targets.go.set()
    replies = await asyncio.gather(*tasks)
    bodies = await asyncio.gather(*(told(targets, *each) for each in zip(calls, replies, strict=True)))
    assert all(body.startswith(b"a") and b'"code":"cut"' in body for body in bodies)
    assert [call.error for call in calls] == ["cut", "cut"]


@pytest.mark.parametrize(
    "other",
    [{"stream": True}, {"temperature": 1}, {"stream": True, "stream_options": {"include_usage": True}}],
)
async def test_what_differs_is_not_shared(other: dict[str, Any]) -> None:
    targets = Targets(whole)
    tasks = await targets.asked(cached_call(), cached_call(**other))
    assert len(targets.calls) == 2
    targets.go.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("reply", [whole, streaming(b"a", b"b")], ids=["unary", "stream"])
async def test_nothing_is_left_for_the_garbage_collector(reply: Callable[[Call], Reply]) -> None:
    targets = Targets(reply)
    targets.go.set()

    async def serve() -> None:
        call = cached_call(stream=reply is not whole)
        await told(targets, call, await targets.layer(call))
        call.close()

    async def left_by_many() -> int:
        for _ in range(20):
            await serve()
        targets.calls.clear()
        await asyncio.sleep(0)
        return gc.collect()

    await left_by_many()
    gc.disable()
    try:
        assert min([await left_by_many() for _ in range(3)]) == 0  # others in this process may leave something
    finally:
        gc.enable()


def targets_response(stream: Stream) -> Any:
    """The response of the target behind a shared stream."""
    return cast(Any, stream.response)._shared.stream.response
