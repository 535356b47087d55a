"""One socket to an upstream: writes requests, parses answers, fills the response of the moment.

llhttp, with none of its leniencies switched on, refuses by itself: repeated, empty, signed or listed content-length;
content-length beside transfer-encoding; folded headers; bare CR or LF; NUL and other controls in values; white space
before a colon; chunk sizes that are no plain hexadecimal number. This module refuses what llhttp lets pass: a transfer
coding other than `chunked`, status codes that are none, a protocol switch, heads and trailers over the limit, and every
byte that nobody asked for.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from config.schema import Limits
from gateway.upstream.encoding import decoder_for
from gateway.upstream.response import Response

_STALE_SECONDS = 1.0
"""A kept connection that breaks this soon after a request, and without a byte, was closed before the request came."""
_COPIED_BYTES = 65_536
"""A longer body goes to writev(2) beside its head, a shorter one is cheaper to copy behind it."""
_BODILESS_METHODS = (b"GET ", b"HEAD ")
_CODINGS = frozenset({b"content-encoding", b"transfer-encoding"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_LONG = "its headers or trailers are over limits.header_bytes"


class _Refused(Exception):
    """Ends parsing from inside a callback."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; calls `on_free` when it may carry the next, `on_closed` when it never will."""

    __slots__ = (
        "_complete",
        "_headers",
        "_keep",
        "_limits",
        "_name",
        "_on_closed",
        "_on_free",
        "_overhead",
        "_parser",
        "_pieces",
        "_transport",
        "busy",
        "closed",
        "heard",
        "loop",
        "on_body",
        "response",
        "reused",
        "since",
    )

    response: Response
    """Of the present exchange, or of the last."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        on_free: Callable[["Connection"], None],
        on_closed: Callable[["Connection"], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.busy = False
        self.closed = False
        self.reused = False
        """It has carried an exchange to its end."""
        self.heard = False
        """Something happened since the pool's sweeper last looked."""
        self.since = 0.0
        """When the request was written or, as far as the sweeper saw, something last happened; in loop time."""
        self._name = name
        self._limits = limits
        self._on_free = on_free
        self._on_closed = on_closed
        self._pieces: list[bytes] = []
        """Of the body, as the parser finds them in what it is fed."""
        self.on_body = self._pieces.append  # a stream has a piece for each of its frames: not worth a call of ours each
        self._parser = HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._overhead = 0
        """Bytes of this answer since the last that was body, or since its start."""
        self._complete = False
        """The parser saw the end of the answer."""
        self._keep = False
        """The answer left the connection fit for another."""

    def begin(self, response: Response, head: bytes, body: bytes) -> None:
        """Write a request in one go; its answer will fill the response."""
        self.response = response
        self.busy = True
        self.since = self.loop.time()
        self._complete = False
        self._overhead = 0
        if len(body) > _COPIED_BYTES:
            self._transport.writelines((b"%bcontent-length: %d\r\n\r\n" % (head, len(body)), body))
        elif body or not head.startswith(_BODILESS_METHODS):
            self._transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        else:
            response.bodiless = head.startswith(b"HEAD ")
            self._transport.write(head + b"\r\n")

    def resume(self) -> None:
        """Read on after a pause."""
        self.response.paused = False
        self._transport.resume_reading()

    def fail(self, error: UpstreamError) -> None:
        """Give up the exchange under way, and the connection with it."""
        if self.busy:
            self.busy = False
            response = self.response
            response.error = error
            response.wake()
            del response.connection  # the two would keep each other alive
        self.close()

    def close(self) -> None:
        """Close the socket without waiting for anything."""
        if not self.closed:
            self.closed = True
            self._transport.abort()
            del self._parser  # it knows this object's methods: the two would keep each other alive
            self._on_closed(self)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; TLS is up by now."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and wake who waits for it."""
        if not self.busy:
            self.close()
            return
        self.heard = True
        self._overhead += len(data)
        response = self.response
        fault: str | None = None
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            fault = str(error.__context__ or error)
        if found := len(self._pieces):
            response.take_in(self._pieces)
        if self._complete:
            self._keep = self._keep and fault is None
            self._finish(response)
            return
        if fault is not None:
            self._refuse(fault)
            return
        if found:
            self._overhead = 0
            if response.size > self._limits.stream_buffer_bytes and not response.paused:
                response.paused = True
                self._transport.pause_reading()
        elif self._overhead > self._limits.header_bytes:
            self._refuse(_LONG)
            return
        if response.status:
            response.wake()

    def eof_received(self) -> None:
        """The peer has said all it will: the proper end of an answer that has no length."""
        if self.busy and self.response.status and not any(name in _FRAMING for name, _ in self.response.headers):
            self._keep = False
            self._finish(self.response)
        else:
            self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone: whatever was under way will not end."""
        if not self.busy:
            self.close()
        elif self.response.status:
            self.fail(UpstreamUnreachable(f"{self._name} broke the connection before the end of its answer."))
        else:
            self.response.stale = self.reused and not self._overhead and self.loop.time() - self.since < _STALE_SECONDS
            self.fail(UpstreamUnreachable(f"{self._name} closed the connection without an answer."))

    # What the parser calls

    def on_message_begin(self) -> None:
        """Stop at the first byte after the answer: nobody asked for it, so nobody may be given it."""
        if self._complete:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer after the body."""
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """Judge a head; an interim one is skipped (RFC 9110, 15.2)."""
        status = self._parser.get_status_code()
        headers = self._headers
        self._headers = []
        if 200 <= status <= 599:
            if self._overhead > self._limits.header_bytes:
                self._measure(headers)
            for name, value in headers:
                if name in _CODINGS:
                    self._note_coding(name, value)
            self.response.headers = headers
            self.response.status = status
            if self.response.bodiless:
                self._complete = True
                raise _Refused
        elif not 102 <= status <= 199 and status != 100:
            raise _Refused(f"status {status} is no answer")

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self.response.status:
            self._complete = True
            self._keep = self._parser.should_keep_alive()
            self._headers.clear()

    def _finish(self, response: Response) -> None:
        self.busy = False
        response.ended = True
        response.wake()
        del response.connection  # the two would keep each other alive
        if self._keep:
            self.reused = self.heard = True
            self._on_free(self)
        else:
            self.close()

    def _refuse(self, reason: str) -> None:
        self.fail(UpstreamError(f"{self._name} sent an answer that can't be trusted: {reason}."))

    def _measure(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Refuse a head that is too long, where one segment held all of it and perhaps of the body too."""
        if sum(len(name) + len(value) for name, value in headers) > self._limits.header_bytes:
            raise _Refused(_LONG)

    def _note_coding(self, name: bytes, value: bytes) -> None:
        if name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise _Refused("its transfer-encoding is not chunked")
        elif self.response.decoder is not None:
            raise _Refused("it is encoded more than once")
        else:
            self.response.decoder = decoder_for(value)
