"""The only streaming loop: it owns `send`, ends the upstream in every case, and closes the call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from adapters.inference.contract import StreamDecoder
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from gateway.call import Call, Reply, Stream

Send: TypeAlias = Callable[[Any], Awaitable[None]]
Count: TypeAlias = Callable[[Call], Awaitable[Usage]]

_TRANSCRIPT_MAX = 1_048_576


async def relay(call: Call, reply: Reply, send: Send, count: Count) -> None:
    """Send a reply to the client; a fault after the first byte becomes an error event, never a silent cut.

    `count` counts the usage of a stream whose provider does not tell it to a client that asked.
    """
    call.status = reply.status
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    if reply.stream is None:
        await send({"type": "http.response.body", "body": reply.body})
        return
    stream = reply.stream
    try:
        tail = await _pump(call, stream, send, count)
    except UpstreamError as error:
        call.error = error.code or error.type
        tail = stream.error_frame(error)
    except asyncio.CancelledError:
        call.status = 499
        raise
    finally:
        stream.response.close()
        call.usage = stream.decoder.usage or call.usage
        if (attempt := stream.attempt) is not None:
            attempt.ended = asyncio.get_running_loop().time()
            attempt.usage = call.usage
            attempt.error = call.error
            if call.status == 499:
                attempt.status = 499
    await send({"type": "http.response.body", "body": tail})


async def _pump(call: Call, stream: Stream, send: Send, count: Count) -> bytes:
    """Send frames as they come in; give what is to be sent last, with the end of the answer in one write."""
    decoder = stream.decoder
    response = stream.response
    feed = decoder.feed
    keep = _Transcript(call.transcript)
    ready = stream.first
    while True:
        if ready:
            keep(ready)
        if decoder.error is not None:
            call.error = decoder.error.code or decoder.error.type
            return ready
        if response.at_end:
            return ready + await _ending(call, decoder, count, keep)
        if ready:
            await send({"type": "http.response.body", "body": ready, "more_body": True})
        data = await response.chunk()
        if not data:
            return await _ending(call, decoder, count, keep)
        ready = feed(data)


async def _ending(call: Call, decoder: StreamDecoder, count: Count, keep: "_Transcript") -> bytes:
    """What the decoder still owes; usage that the client asked for and the provider did not tell is counted."""
    if decoder.owes_usage:
        call.usage = await count(call)
    tail = decoder.close(call.usage)
    if decoder.error is not None:
        call.error = decoder.error.code or decoder.error.type
    elif keep.keeps(tail):
        call.is_whole = True
    return tail


class _Transcript:
    """Keeps what was sent, up to a bound: usage that the provider does not tell is counted from it."""

    __slots__ = ("_append", "_room")

    def __init__(self, parts: list[bytes]) -> None:
        self._append = parts.append
        self._room = _TRANSCRIPT_MAX

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
