"""The only streaming loop: it owns `send`, ends the upstream in every case, and closes the call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from adapters.inference.contract import StreamDecoder
from adapters.wire.errors import GatewayError, UpstreamError
from adapters.wire.stream_end import DONE
from adapters.wire.usage import Usage
from gateway.call import Call, Reply, Stream
from gateway.routing.attempts import tell
from gateway.routing.deadline import before_deadline
from gateway.sent import TRANSCRIPT_MAX, tell_what_was_sent, without_last_frame

Send: TypeAlias = Callable[[Any], Awaitable[None]]
Count: TypeAlias = Callable[[Call], Awaitable[Usage]]


async def relay(call: Call, reply: Reply, send: Send, count: Count) -> None:
    """Send a reply to the client; a fault after the first byte becomes an error event, never a silent cut.

    `count` counts the usage of a stream whose provider does not tell it to a client that asked.
    """
    call.status = reply.status
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    if reply.stream is None:
        await send({"type": "http.response.body", "body": reply.body})
        return
    pump = _pump if reply.stream.go_on is None else _pump_on
    try:
        if call.deadline is None:
            tail = await pump(call, reply, send, count)
        else:
            async with before_deadline(call.deadline):
                tail = await pump(call, reply, send, count)
    except GatewayError as error:
        call.error = error.code or error.type
        tail = _broken(call, reply.stream, error)
        error.__traceback__ = None  # it leads to the frame of a decoder that holds the error
    except asyncio.CancelledError:
        call.status = 499
        raise
    finally:
        _end(call, reply.stream)
    await send({"type": "http.response.body", "body": tail})


def _end(call: Call, stream: Stream) -> None:
    stream.end(asyncio.get_running_loop().time(), call.error, cancelled=call.status == 499)
    used = stream.decoder.usage
    if used is not None:
        call.usage = used if stream.before is None else stream.before + used


def _broken(call: Call, stream: Stream, fault: GatewayError) -> bytes:
    """The event that ends a stream which broke, with what is known of it."""
    tell(fault, call)
    tell_what_was_sent(fault, call.transcript)
    return stream.error_frame(fault)


async def _pump_on(call: Call, reply: Reply, send: Send, count: Count) -> bytes:
    """The same as `_pump`, with streams of other targets that continue one that broke."""
    while True:
        stream = reply.stream
        assert stream is not None  # noqa: S101 - only streams come here
        try:
            return await _pump(call, reply, send, count)
        except UpstreamError as fault:
            stream.end(asyncio.get_running_loop().time(), fault.code or fault.type)
            following = await stream.go_on(call, fault) if stream.go_on is not None else None
            if following is None:
                raise
            fault.__traceback__ = None
            reply.stream = following


async def _pump(call: Call, reply: Reply, send: Send, count: Count) -> bytes:
    """Send frames as they come in; give what is to be sent last, with the end of the answer in one write.

    Raises the fault that ends the stream, without the frame in which the decoder tells it.
    """
    stream = reply.stream
    assert stream is not None  # noqa: S101 - only streams come here
    decoder = stream.decoder
    response = stream.response
    feed = decoder.feed
    keep = _Transcript(call.transcript)
    ready = stream.first
    data = ready or b"?"
    while True:
        if (error := decoder.error) is None:
            if ready:
                keep(ready)
            if response.at_end or not data:
                tail = await _ending(call, decoder, count, keep)
                if (error := decoder.error) is None:
                    return ready + tail
                if ready:
                    await send({"type": "http.response.body", "body": ready, "more_body": True})
                ready = tail
        if error is not None:
            if ready := without_last_frame(ready):
                keep(ready)
                await send({"type": "http.response.body", "body": ready, "more_body": True})
            raise error
        if ready:
            await send({"type": "http.response.body", "body": ready, "more_body": True})
        try:
            data = await response.chunk()
        except asyncio.CancelledError:
            if not ready.endswith(DONE):
                raise
            data = b""  # the client has all of it: many leave then, and the provider's end may come later
        ready = feed(data) if data else b""


async def _ending(call: Call, decoder: StreamDecoder, count: Count, keep: "_Transcript") -> bytes:
    """What the decoder still owes; usage that the client asked for and the provider did not tell is counted."""
    if decoder.owes_usage:
        call.usage = await count(call)
    tail = decoder.close(call.usage)
    if decoder.error is None and keep.keeps(tail):
        call.is_whole = True
    return tail


class _Transcript:
    """Keeps what was sent, up to a bound: usage that the provider does not tell is counted from it."""

    __slots__ = ("_append", "_room")

    def __init__(self, parts: list[bytes]) -> None:
        self._append = parts.append
        self._room = TRANSCRIPT_MAX

    def __call__(self, data: bytes) -> None:
        if self._room > 0:
            self._append(data)
            self._room -= len(data)

    def keeps(self, data: bytes) -> bool:
        """Keep the end of a stream; say whether all of it was kept."""
        if self._room <= len(data):
            return False
        self._append(data)
        return True
