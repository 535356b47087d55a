"""An answer from the cache as a reply: in the form that is asked for, and with its own bytes where that is the same."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from adapters.inference.contract import StreamDecoder, error_frame
from adapters.messages import folding as messages
from adapters.wire import folding
from adapters.wire.errors import GatewayError
from adapters.wire.folding import Unfoldable
from adapters.wire.usage import Usage
from gateway.call import Call, Reply, Stream
from gateway.state.cache.contract import Entry

_STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_JSON = (b"content-type", b"application/json")
_PIECE = 65_536
"""Bytes of a stream that are written at once, so that a slow reader does not have all of it buffered."""


class _Forms(NamedTuple):
    """How an operation's answers change their form."""

    fold: Callable[[bytes, Usage | None], bytes] = folding.fold
    unfold: Callable[[bytes, Usage | None], bytes] = folding.unfold
    retell: Callable[[bytes, Usage | None], bytes] = folding.retell


_OPENAI = _Forms()
_MESSAGES = _Forms(messages.fold, messages.unfold, messages.retell)


def replay(call: Call, entry: Entry, paced: bool) -> Reply | None:
    """The reply that an entry makes, `paced` as it once came; None where it can't have the form that is asked for."""
    headers = [(b"x-request-id", call.request_id), *entry.headers]
    streams = call.body.stream and call.generates
    if entry.is_stream == streams and (not streams or entry.tells_usage == call.body.wants_usage):
        body = entry.body
    else:
        paced = False
        try:
            body = _in_other_form(call, entry, streams)
        except Unfoldable:
            return None
        if not body:
            return None
    call.usage = entry.usage
    if not streams:
        return Reply(200, [*headers, _JSON, (b"content-length", b"%d" % len(body))], body)
    headers += _STREAM_HEADERS
    if len(body) <= _PIECE and not (paced and entry.pace):
        return Reply(200, headers, body)
    replayed = _Replayed(body, entry.usage, entry.pace if paced else ())
    # It stands for both: the relay asks nothing of them that it does not have.
    return Reply(200, headers, stream=Stream(b"", cast(StreamDecoder, replayed), cast(Any, replayed), error_frame))


def _in_other_form(call: Call, entry: Entry, streams: bool) -> bytes:
    forms = _MESSAGES if call.operation == "messages" else _OPENAI
    if not streams:
        return forms.fold(entry.body, entry.usage)
    if call.body.wants_usage and entry.usage is None:
        return b""
    told = entry.usage if call.body.wants_usage else None
    return forms.retell(entry.body, told) if entry.is_stream else forms.unfold(entry.body, told)


class _Replayed:
    """A stream from the cache, as the relay reads one from a target."""

    __slots__ = ("_began", "_body", "_ends", "_taken", "error", "owes_usage", "usage")

    def __init__(self, body: bytes, usage: Usage | None, pace: tuple[tuple[int, float], ...]) -> None:
        self.usage = usage
        self.error: GatewayError | None = None
        self.owes_usage = False
        self._body = body
        self._taken = 0
        self._began = 0.0
        self._ends = list(reversed(pace))

    @property
    def at_end(self) -> bool:
        """Whether everything has been taken."""
        return self._taken == len(self._body)

    async def chunk(self) -> bytes:
        """The next piece, at its time."""
        size = _PIECE
        if self._ends:
            size, seconds = self._ends.pop()
            now = asyncio.get_running_loop().time()
            self._began = self._began or now
            await asyncio.sleep(self._began + seconds - now)
        piece = self._body[self._taken : self._taken + size]
        self._taken += len(piece)
        return piece

    def feed(self, data: bytes) -> bytes:
        """The piece as it is."""
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        """Nothing is owed: the end of the stream is part of it."""
        return b""
