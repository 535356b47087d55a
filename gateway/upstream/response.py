"""One answer of an upstream, as it comes in."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from gateway.upstream.encoding import PIECE, Decoder

if TYPE_CHECKING:
    from gateway.upstream.connection import Connection


class Response:
    """Status and headers, then the body: `read` it whole or `chunk` by chunk, and `close` it in every case.

    Its connection fills it; the other attributes are between the two of them.
    """

    __slots__ = (
        "_limit",
        "began",
        "bodiless",
        "chunks",
        "connection",
        "decoder",
        "ended",
        "error",
        "headers",
        "paused",
        "size",
        "stale",
        "status",
        "waiter",
    )

    status: int
    headers: list[tuple[bytes, bytes]]
    """Names in lower case; as on the wire, so that content-length is that of the encoded body."""

    def __init__(self, connection: "Connection", limit: int, waiter: "asyncio.Future[None]", began: float) -> None:
        self.status = 0
        self.waiter: asyncio.Future[None] | None = waiter
        """Done once the headers are in or never will be; later, once there is more to take."""
        self.began = began
        """When the request was asked for, in loop time: it may have waited for the connection."""
        self.chunks: list[bytes] = []
        """What came and was not taken yet."""
        self.size = 0
        """Of `chunks`, in bytes."""
        self.ended = False
        """The body is in to its proper end."""
        self.error: UpstreamError | None = None
        """Why the body will never be whole."""
        self.stale = False
        """The error is that of a kept connection which the peer had closed meanwhile: the request may go again."""
        self.paused = False
        """Nothing more is read from the socket until `chunks` is taken."""
        self.bodiless = False
        """The request was a HEAD: the answer's length is that of a body which does not follow."""
        self.decoder: Decoder | None = None
        self.connection = connection
        """Until the end or the error."""
        self._limit = limit

    @property
    def at_end(self) -> bool:
        """Whether everything has been taken, to its proper end."""
        return self.ended and not self.chunks and self.decoder is None

    async def read(self) -> bytes:
        """The whole body, decoded.

        Raises UpstreamError where it is longer than the limit or can't be decoded, UpstreamUnreachable on a cut,
        UpstreamTimeout.
        """
        if self.ended and self.decoder is None and self.size <= self._limit:
            return self._take()
        parts: list[bytes] = []
        size = 0
        while data := await self.chunk():
            size += len(data)
            if size > self._limit:
                self.close()
                raise UpstreamError(f"The provider's answer is longer than {self._limit} bytes (limits.answer_bytes).")
            parts.append(data)
        return b"".join(parts)

    def chunk(self) -> Coroutine[Any, Any, bytes]:
        """What came since the last call, decoded; b"" at the proper end.

        Raises UpstreamUnreachable on a cut, UpstreamTimeout, UpstreamError on what can't be decoded.
        """
        return self._next() if self.decoder is None else self._next_decoded(self.decoder)

    def close(self) -> None:
        """End the exchange: a connection whose answer is not in to its end is closed at once. May be called again."""
        if not self.ended and self.error is None:
            self.connection.fail(UpstreamUnreachable("The answer was closed before its end."))
        self.chunks.clear()
        self.size = 0

    def take_in(self, pieces: list[bytes]) -> None:
        """Take what the connection has read of the body, and leave the list empty."""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.chunks.append(data)
        self.size += len(data)

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if not waiter.done():
                waiter.set_result(None)

    async def _next(self) -> bytes:
        while not self.chunks:
            if self.ended:
                return b""
            if self.error is not None:
                raise self.error
            waiter = self.waiter = self.connection.loop.create_future()
            try:
                await waiter
            except asyncio.CancelledError:
                self.close()
                raise
        return self._take()

    async def _next_decoded(self, decoder: Decoder) -> bytes:
        try:
            while not (data := decoder.pending()):
                raw = await self._next()
                if not raw:
                    decoder.finish()
                    return b""
                decoder.feed(raw)
            if len(data) == PIECE:
                await asyncio.sleep(0)  # a long body is decoded while others have their turns
        except BaseException:
            self.close()
            raise
        return data

    def _take(self) -> bytes:
        chunks = self.chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self.size = 0
        if self.paused:
            self.connection.resume()
        return data
