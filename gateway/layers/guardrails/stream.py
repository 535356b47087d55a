"""A stream whose text is judged before the client has it, in the shape of a target's response.

What comes in is read by the relay, as for any client, in a task of its own: judging takes time in which more comes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, cast

from msgspec import Struct

from adapters.inference.contract import StreamDecoder, error_frame
from adapters.messages.errors import error_event
from adapters.safety.contract import Ask
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from gateway.call import Call, Reply, Stream
from gateway.layers.guardrails.judged import judge
from gateway.layers.guardrails.judging import Guard
from gateway.layers.guardrails.report import Report
from gateway.layers.guardrails.windows import HELD_MAX, Windows
from gateway.relay import relay

log = logging.getLogger("isthmus.guardrails")

Count: TypeAlias = Callable[[Call], Awaitable[Usage]]


class Output(Struct, frozen=True):
    """How the output of one call is judged."""

    guards: Sequence[Guard]
    delay: float
    """Seconds that text waits for its window to fill."""
    ask: Ask
    report: Report
    count: Count
    """Counts the tokens of an answer that is cut short."""


def guarded(call: Call, work: Call, reply: Reply, windows: Windows, output: Output) -> Reply:
    """The reply whose stream is judged; `work` is the call that it answers, which ends with it."""
    response = Guarded(call, work, reply, windows, output)
    if reply.stream is not None:
        tell = reply.stream.error_frame
    else:
        tell = error_event if call.operation == "messages" else error_frame
    # They stand for a target's decoder and response: the relay asks no more of them.
    stream = Stream(b"", cast(StreamDecoder, Told(work)), cast(Any, response), tell)
    return Reply(reply.status, reply.headers, stream=stream)


class Guarded:
    """What the client may read."""

    __slots__ = (
        "_call",
        "_closed",
        "_fault",
        "_fed",
        "_is_over",
        "_output",
        "_reading",
        "_reply",
        "_room",
        "_since",
        "_windows",
        "_work",
        "at_end",
    )

    def __init__(self, call: Call, work: Call, reply: Reply, windows: Windows, output: Output) -> None:
        self._call = call
        self._work = work
        self._reply = reply
        self._windows = windows
        self._output = output
        self._fed = asyncio.Event()
        self._room = asyncio.Event()
        self._since: float | None = None
        """When the oldest text that nobody has judged came."""
        self._is_over = False
        """Nothing more comes in."""
        self._fault: Exception | None = None
        self._closed = False
        self.at_end = False
        """Everything has been taken."""
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def chunk(self) -> bytes:
        """The frames that were let pass since the last call; b"" at the end. Raises GuardrailUnavailable."""
        windows = self._windows
        while True:
            if ready := windows.take():
                self._room.set()
                return ready
            if windows.is_full or self._is_late() or (self._is_over and windows.is_waiting):
                await self._judge()
                if windows.is_blocked and not self._is_over:
                    return await self._cut()
            elif self._is_over:
                return self._finish()
            else:
                await self._wait()

    def close(self) -> None:
        """Read no more: the call behind it ends at once. May be called again."""
        if not self._closed:
            self._closed = True
            self._leave(cancelled=True)
            self._adopt()

    # What comes in

    async def _read(self) -> None:
        try:
            await relay(self._work, self._reply, self._take, self._output.count)
        except Exception as fault:
            log.exception("a stream can't be read to be judged")
            self._fault = fault
        finally:
            self._end()

    async def _take(self, message: Any) -> None:
        """What a client would be sent."""
        if message["type"] != "http.response.body":
            return
        self._windows.feed(message["body"])
        if self._since is None and self._windows.is_waiting:
            self._since = asyncio.get_running_loop().time()
        self._fed.set()
        while message.get("more_body") and self._windows.held >= HELD_MAX:
            self._room.clear()
            await self._room.wait()

    def _end(self) -> None:
        self._is_over = True
        self._windows.finish()
        self._work.close()
        self._fed.set()

    def _leave(self, *, cancelled: bool) -> None:
        """End what has not come to its end."""
        if self._is_over:
            return
        if (stream := self._reply.stream) is not None:
            stream.end(asyncio.get_running_loop().time(), cancelled=cancelled)
        if cancelled:
            self._work.status = 499
        self._reading.cancel()
        self._end()

    def _adopt(self) -> None:
        """What the call behind it has learnt is the client's call's."""
        call, work = self._call, self._work
        call.attempts, call.target = work.attempts, work.target
        if work.usage is not None:
            call.usage = work.usage

    # What goes out

    def _is_late(self) -> bool:
        since = self._since
        return since is not None and asyncio.get_running_loop().time() >= since + self._output.delay

    async def _wait(self) -> None:
        """Until more comes, or what is there has waited long enough."""
        self._fed.clear()
        when = None if self._since is None else self._since + self._output.delay
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._fed.wait()

    async def _judge(self) -> None:
        began = asyncio.get_running_loop().time()
        together = self._windows.round()
        output = self._output
        together.settle(await judge(output.guards, "output", together.judged, output.ask, output.report))
        self._since = began if self._windows.is_waiting else None

    async def _cut(self) -> bytes:
        """What was found ends the answer, and the call behind it; what it used is counted."""
        work = self._work
        self._leave(cancelled=False)
        attempt = work.attempts[-1] if work.attempts else None
        if work.usage is None and attempt is not None:
            work.usage = attempt.usage or await self._output.count(work)
            attempt.usage = work.usage
        return self._windows.cut(work.usage)

    def _finish(self) -> bytes:
        self.at_end = True
        self._adopt()
        if self._fault is not None:
            raise GatewayError("The gateway failed in the middle of this answer; its log says why.")
        self._call.error = self._work.error
        return b""


class Told:
    """What the relay asks of a decoder, for frames that were decoded before."""

    __slots__ = ("_work",)

    error: GatewayError | None = None
    owes_usage = False

    def __init__(self, work: Call) -> None:
        self._work = work

    @property
    def usage(self) -> Usage | None:
        """What the stream has told, or what was counted in its place."""
        return self._work.usage

    def feed(self, data: bytes) -> bytes:
        """The frames as they are."""
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        """Nothing is owed."""
        return b""
