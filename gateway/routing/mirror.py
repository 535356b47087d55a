"""Copies of some calls for a shadow: sent once the client has its answer, compared with that, and thrown away."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import TypeAlias

from adapters.wire.errors import GatewayError
from gateway.call import Call, Reply
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.retry import Ask
from gateway.sent import TRANSCRIPT_MAX, Sent, read, read_body

log = logging.getLogger("isthmus.mirror")

_AT_ONCE = 32
"""Copies under way in one worker; a call beyond is not copied."""
_SECONDS = 600.0
"""A copy has this long, where its route has no timeout."""
_CLIENT_LEFT = 499
_SIMILAR = 0.1
_RATIOS = (0.5, 0.8, 1.25, 2.0)
"""Bounds of the buckets of a shadow's time to its first content, over that of the real answer."""

Sink: TypeAlias = Callable[[Call], None]


class Mirroring:
    """Sends copies for every route that has a shadow."""

    __slots__ = ("_ask", "_counters", "_running", "_sinks")

    def __init__(self, ask: Ask, sinks: tuple[Sink, ...], counters: Counters) -> None:
        self._ask = ask
        self._sinks = sinks
        self._counters = counters
        self._running: set[asyncio.Task[None]] = set()

    def consider(self, call: Call, route: Route, reply: Reply) -> None:
        """Draw whether a call is copied; it is then, when it is over."""
        mirror = route.settings.mirror
        if mirror is not None and random.random() < mirror.share:  # noqa: S311 - nothing secret
            call.on_close.append(_Copy(self, route, reply.body).send)

    def send(self, call: Call, route: Route, said: Sent) -> None:
        """Send a copy of a call that is over, if there is room."""
        if len(self._running) >= _AT_ONCE:
            self._counters.add("mirrored", "no_room")
            return
        task = asyncio.get_running_loop().create_task(self._run(call, route, said))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, call: Call, route: Route, said: Sent) -> None:
        """The copy is a call of its own, so that sinks see it apart."""
        copied = call.twin()
        loop = asyncio.get_running_loop()
        copied.received = loop.time()
        copied.deadline = copied.received + (route.settings.timeout or _SECONDS)
        try:
            async with asyncio.timeout_at(copied.deadline):
                told = await self._answer(copied, route)
        except GatewayError as error:
            copied.status, copied.error, told = error.status, error.code or error.type, Sent()
        except TimeoutError:
            copied.status, copied.error, told = 504, "deadline_exceeded", Sent()
        except asyncio.CancelledError:
            copied.status = _CLIENT_LEFT
            raise
        finally:
            copied.ended = loop.time()
            for sink in self._sinks:
                sink(copied)
            copied.close()
        self._compare(call, said, copied, told)

    async def _answer(self, copied: Call, route: Route) -> Sent:
        assert route.shadow is not None  # noqa: S101 - only such routes come here
        reply = await self._ask(copied, route.shadow, "mirror")
        copied.status = reply.status
        if reply.stream is None:
            return read_body(reply.body)
        await _drain(copied, reply)
        return read(b"".join(copied.transcript))

    def _compare(self, call: Call, said: Sent, copied: Call, told: Sent) -> None:
        count = self._counters.add
        count("mirrored", "answered" if copied.error is None else "failed")
        count("mirror_status", "same" if call.status == copied.status else "different")
        if call.error is not None or copied.error is not None:
            return
        count("mirror_finish", "same" if said.finish == told.finish else "different")
        count("mirror_length", _length(said.characters, told.characters))
        real, shadow = call.attempts[-1], copied.attempts[-1]
        ratio = (shadow.first - shadow.began) / max(real.first - real.began, 1e-6)
        count("mirror_time_ratio", next((f"{bound:g}" for bound in _RATIOS if ratio <= bound), "more"))


class _Copy:
    """A call that will be copied, and its answer where that came whole."""

    __slots__ = ("_body", "_mirroring", "_route")

    def __init__(self, mirroring: Mirroring, route: Route, body: bytes) -> None:
        self._mirroring = mirroring
        self._route = route
        self._body = body

    def send(self, call: Call) -> None:
        """The call is over."""
        if call.status != _CLIENT_LEFT:
            said = read_body(self._body) if self._body else read(b"".join(call.transcript))
            self._mirroring.send(call, self._route, said)


async def _drain(call: Call, reply: Reply) -> None:
    """Read a stream to its end as a client would, and keep what it says up to a bound. Raises its fault."""
    stream = reply.stream
    assert stream is not None  # noqa: S101 - only streams come here
    room = TRANSCRIPT_MAX
    ready = stream.first
    now = asyncio.get_running_loop().time
    try:
        while True:
            if room > 0:
                call.transcript.append(ready)
                room -= len(ready)
            if stream.decoder.error is not None:
                raise stream.decoder.error
            data = await stream.response.chunk()
            if not data:
                return
            ready = stream.decoder.feed(data)
    except GatewayError as error:
        stream.end(now(), error.code or error.type)
        raise
    finally:
        stream.end(now(), cancelled=not stream.response.at_end)
        call.usage = stream.decoder.usage


def _length(real: int, shadow: int) -> str:
    if abs(shadow - real) <= _SIMILAR * real:
        return "similar"
    return "shorter" if shadow < real else "longer"
