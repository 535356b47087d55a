"""What becomes of an answer once it has left: it is kept, if it is one to give again."""

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from adapters.inference.contract import StreamDecoder
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from gateway.call import Call, Reply
from gateway.layers.cache.complete import is_complete
from gateway.state.cache.contract import Entry, Store

KeptHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
_KEPT_HEADERS = frozenset({b"x-isthmus-provider", b"x-isthmus-model", b"x-isthmus-dropped", b"x-isthmus-estimated"})


class Keeper:
    """Puts answers into a store."""

    __slots__ = ("_clock", "_most", "_store")

    def __init__(self, store: Store, most: int, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._most = most
        self._clock = clock

    def keep(
        self,
        key: bytes,
        reply: Reply,
        headers: KeptHeaders,
        seconds: float,
        times: list[float] | None,
        then: Callable[[], None] | None,
        call: Call,
    ) -> None:
        """Keep the answer of a call that is over, for so long, if it is complete, successful and not too long.

        `headers` are those to keep: by now it has many more. `times` are those of a stream's pieces, if they are to be
        kept, too. `then` is called if it is kept.
        """
        streams = reply.stream is not None
        if reply.status != 200 or (streams and (not call.is_whole or call.error is not None)):
            return
        body = b"".join(call.transcript) if streams else reply.body
        if len(body) > self._most or not is_complete(
            call.operation, body, streams, _choices(call) if "n" in call.body.fields else 1
        ):
            return
        pace = () if times is None else _pace(call.transcript, times)
        entry = Entry(self._clock(), body, headers, call.usage, streams, call.body.wants_usage, pace)
        self._store.put(key, entry, seconds)
        if then is not None:
            then()


def timed(reply: Reply) -> list[float] | None:
    """Where the times of a stream's pieces will be; None for a whole answer."""
    if reply.stream is None:
        return None
    decoder = reply.stream.decoder = Timed(reply.stream.decoder)
    return decoder.times


class Timed:
    """A decoder that notes when it gave something."""

    __slots__ = ("_inner", "times")

    def __init__(self, inner: StreamDecoder) -> None:
        self._inner = inner
        self.times: list[float] = [time.monotonic()]

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._inner.usage

    @property
    def error(self) -> GatewayError | None:
        """What the provider reported."""
        return self._inner.error

    @property
    def owes_usage(self) -> bool:
        """Whether usage has to be counted."""
        return self._inner.owes_usage

    def feed(self, data: bytes) -> bytes:
        """What it gives, with the time noted."""
        frames = self._inner.feed(data)
        if frames:
            self.times.append(time.monotonic())
        return frames

    def close(self, counted: Usage | None = None) -> bytes:
        """The end."""
        self.times.append(time.monotonic())
        return self._inner.close(counted)


def kept_headers(reply: Reply) -> KeptHeaders:
    """Those that still hold when the answer is given again."""
    return tuple([header for header in reply.headers if header[0] in _KEPT_HEADERS])


def headers_to_keep(call: Call, reply: Reply) -> KeptHeaders:
    """The same of a call's reply. Nearly always they are those of its target, which all its answers share."""
    target, attempts, headers = call.target, call.attempts, reply.headers
    if target is None or not attempts or attempts[-1].dropped or not call.generates or len(headers) < 2:
        return kept_headers(reply)
    return target.headers if headers[1] is target.headers[0] else kept_headers(reply)


def _choices(call: Call) -> int:
    """How many answers were asked for."""
    try:
        return msgspec.json.decode(call.body.fields["n"], type=int | None) or 1
    except msgspec.DecodeError:
        return 1


def _pace(transcript: list[bytes], times: list[float]) -> tuple[tuple[int, float], ...]:
    """The pieces of a stream and their times; nothing where the two do not go together."""
    if len(times) != len(transcript):
        return ()
    return tuple((len(piece), at - times[0]) for piece, at in zip(transcript, times, strict=True) if piece)
