"""One request and its answer: the `receive` and `send` of ASGI, written straight to the client's socket."""

import asyncio
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from adapters.wire.errors import GatewayError

if TYPE_CHECKING:
    from gateway.server.connection import Connection

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]

CANCEL_ON_DISCONNECT = "isthmus.cancel_on_disconnect"
"""ASGI extension: a door that calls it has its task cancelled in the moment the client leaves."""
CUT = "isthmus.cut"
"""ASGI extension: a door that calls it ends the connection where an answer that has begun can't be made whole."""
BODY_SECONDS = "isthmus.body_seconds"
"""ASGI extension: a door that calls it with a number of seconds and the name of the setting that says it gives its
client so long, from now on, to send the body."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
_COLON, _LINE_END = b": ", b"\r\n"
_LENGTH = b"\r\ncontent-length: "
_BODYLESS = frozenset({204, 304})
_PAUSE_READING_AT = 262_144


class Exchange:
    """A request as it arrives and an answer as it leaves."""

    __slots__ = (
        "_arrival",
        "_chunked",
        "_connection",
        "_end_told",
        "_failure",
        "_head",
        "_parts",
        "_unread",
        "answered",
        "cancels",
        "disconnected",
        "expects_continue",
        "is_head",
        "keep_alive",
        "request_complete",
        "scope",
        "started",
        "task",
    )

    def __init__(self, connection: "Connection", scope: Scope, keep_alive: bool, is_head: bool) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.is_head = is_head
        self.expects_continue = False
        self.request_complete = False
        self.started = False
        """The head of the answer is on its way, or held for the first bytes of the body."""
        self.answered = False
        self.disconnected = False
        self.task: asyncio.Task[None] | None = None
        self._parts: list[bytes] = []
        self._unread = 0
        self._end_told = False
        self._arrival: asyncio.Future[None] | None = None
        self._failure: GatewayError | None = None
        self._head = b""
        self._chunked = False
        self.cancels = False
        """The client's leaving cancels the task that serves it."""

    def feed(self, part: bytes) -> None:
        """Take a part of the request's body; what nobody reads is discarded."""
        if self.answered:
            return
        self._parts.append(part)
        self._unread += len(part)
        if self._unread > _PAUSE_READING_AT:
            self._connection.pause_reading()
        self._wake()

    def complete(self) -> None:
        """The request has arrived whole."""
        self.request_complete = True
        self._wake()

    def fail(self, error: GatewayError) -> None:
        """The rest of the request will not come: whoever waits for it is told why."""
        self._failure = error
        self._wake()

    def disconnect(self) -> None:
        """The client has gone."""
        self.disconnected = True
        if self.cancels and self.task is not None and not self.answered:
            self.task.cancel()
        self._wake()

    def cut(self) -> None:
        """End the connection without an answer: nothing whole can be said any more."""
        self._connection.abort()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def receive(self) -> Message:
        """ASGI's `receive`: what has arrived of the body, then the client's leaving.

        Raises RequestTimeout when the client stops sending.
        """
        while True:
            if self.disconnected:
                return {"type": "http.disconnect"}
            if self._parts or (self.request_complete and not self._end_told):
                body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._unread = 0
                self._end_told = self.request_complete
                self._connection.resume_reading()
                return {"type": "http.request", "body": body, "more_body": not self.request_complete}
            if self._failure is not None:
                raise self._failure
            if self.answered:
                return {"type": "http.disconnect"}
            if self.expects_continue:
                self.expects_continue = False
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._arrival = self._connection.loop.create_future()
            await self._arrival

    async def send(self, message: Message) -> None:
        """ASGI's `send`. Waits while the client reads slower than we write."""
        if message["type"] == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
            return
        if self.answered or self.disconnected:
            return
        connection = self._connection
        self._write(message.get("body", b""), message.get("more_body", False))
        if connection.congested is not None:
            await connection.congested

    def _start(self, status: int, headers: Any) -> None:
        if self.started:
            raise RuntimeError("the answer has already started")
        self.started = True
        lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Status".encode(), *map(_COLON.join, headers)]
        head = _LINE_END.join(lines)
        self._chunked = head.find(_LENGTH) < 0 and status not in _BODYLESS
        if self._chunked and self.scope["http_version"] == "1.0":
            self._chunked = False
            self.keep_alive = False
        if not self.request_complete or self._connection.draining:
            self.keep_alive = False
        self._head = b"".join(
            (
                head,
                b"\r\ntransfer-encoding: chunked\r\n" if self._chunked else _LINE_END,
                b"" if self.keep_alive else b"connection: close\r\n",
                self._connection.clock.date_line,
                _LINE_END,
            )
        )

    def _write(self, body: bytes, more: bool) -> None:
        if not self.started:
            raise RuntimeError("the answer has no start")
        parts = [self._head]
        self._head = b""
        if not self.is_head:
            if not self._chunked:
                parts.append(body)
            elif body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n" if more else b"\r\n0\r\n\r\n")
            elif not more:
                parts.append(b"0\r\n\r\n")
        if data := b"".join(parts):
            self._connection.write(data)
        if not more:
            self.answered = True
            self._wake()
            self._connection.finished(self)


AsgiApp: TypeAlias = Callable[[Any, Any, Any], Any]
