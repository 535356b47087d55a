"""HTTP/1.1 on a Unix socket: what a model's process needs to be an upstream of the gateway's pool, and no more.

The socket's folder belongs to the gateway's user alone, so whoever connects is the gateway. A connection carries one
request at a time; when it goes away, the request's task is cancelled.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

import httptools
from msgspec import Struct

from adapters.wire.errors import GatewayError, TooLarge

log = logging.getLogger(__name__)

_HEALTH = b"/health"
BODY_MAX = 128 * 1024 * 1024


class Request(Struct, frozen=True):
    """One request, read whole."""

    method: str
    path: str
    body: bytes


class Response(Struct, frozen=True):
    """An answer: its bytes, or a generator of a stream's."""

    body: bytes | AsyncGenerator[bytes, None]
    status: int = 200
    content_type: str = "application/json"
    retry_after: float | None = None


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Activity:
    """Whether requests are in progress, and since when there was none."""

    def __init__(self) -> None:
        self._running = 0
        self._rests_since = time.monotonic()
        self._resting = asyncio.Event()
        self._resting.set()

    def begin(self) -> None:
        """A request begins."""
        self._running += 1
        self._resting.clear()

    def end(self) -> None:
        """A request has ended."""
        self._running -= 1
        self._rests_since = time.monotonic()
        if not self._running:
            self._resting.set()

    def idle_for(self) -> float:
        """Seconds without a request."""
        return 0.0 if self._running else time.monotonic() - self._rests_since

    async def rest(self) -> None:
        """Wait until none is in progress."""
        await self._resting.wait()


class Connection(asyncio.Protocol):
    """Reads requests, runs the handler, writes its answers; `/health` it answers itself."""

    def __init__(self, handler: Handler, activity: Activity) -> None:
        self._handler = handler
        self._activity = activity
        self._parser = httptools.HttpRequestParser(self)
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._path = b""
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (for the type checker: a stream's always is)
        transport.set_write_buffer_limits(high=0)  # so that "writable" says that everything is on its way
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway gave the request up."""
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The gateway reads slower than the model writes."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The gateway has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.abort()

    def on_message_begin(self) -> None:
        """A new request. One that does not wait for its predecessor's answer is not from the gateway."""
        if self._task is not None and not self._task.done():
            self._transport.abort()
        self._path = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._path += url

    def on_body(self, data: bytes) -> None:
        """Collect the body, up to the bound."""
        if len(self._body) + len(data) > BODY_MAX:
            self._write(_plain(TooLarge("The request is too large for a local model.")))
            self._transport.close()
        self._body += data

    def on_message_complete(self) -> None:
        """Run the handler in a task of its own."""
        if self._transport.is_closing():
            return
        if self._path == _HEALTH:  # being asked for it is no work: it must not keep an idle model loaded
            self._write(Response(b'{"status":"ok"}'))
            return
        request = Request(self._parser.get_method().decode(), self._path.decode("latin-1"), bytes(self._body))
        self._body.clear()
        self._task = asyncio.get_running_loop().create_task(self._answer(request, self._parser.should_keep_alive()))

    async def _answer(self, request: Request, keep_alive: bool) -> None:
        self._activity.begin()
        try:
            try:
                response = await self._handler(request)
            except GatewayError as error:
                response = _plain(error)
            except Exception:
                log.exception("A request to %s failed.", request.path)
                response = _plain(GatewayError("The local model failed.", code="internal_error"))
            await self._send(response)
        finally:
            self._activity.end()
        if not keep_alive:
            self._transport.close()

    async def _send(self, response: Response) -> None:
        if isinstance(response.body, bytes):
            self._write(response)
            await self._writable.wait()
            return
        self._transport.write(_head(response) + b"transfer-encoding: chunked\r\n\r\n")
        try:
            async with contextlib.aclosing(response.body) as chunks:
                async for chunk in chunks:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                    await self._writable.wait()
        except Exception:
            log.exception("A stream broke.")
            self._transport.abort()
            return
        self._transport.write(b"0\r\n\r\n")
        await self._writable.wait()

    def _write(self, response: Response) -> None:
        assert isinstance(response.body, bytes)  # noqa: S101
        self._transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (_head(response), len(response.body), response.body))


async def serve(handler: Handler, path: str, idle_seconds: float | None, lock: int | None = None) -> None:
    """Listen at a path until SIGTERM comes or nothing was asked for `idle_seconds`; finish what is in progress.

    `lock` is an open file that is closed once nobody can connect any more: another process may take over then.
    """
    loop = asyncio.get_running_loop()
    activity = Activity()
    told_to_end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told_to_end.set)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # left behind by a process that was killed
    server = await loop.create_unix_server(lambda: Connection(handler, activity), path)
    await _until_over(told_to_end, activity, idle_seconds)
    server.close()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if lock is not None:
        os.close(lock)
    await activity.rest()


async def _until_over(told_to_end: asyncio.Event, activity: Activity, idle_seconds: float | None) -> None:
    while not told_to_end.is_set():
        left = None if idle_seconds is None else idle_seconds - activity.idle_for()
        if left is not None and left <= 0:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await told_to_end.wait()


def _plain(error: GatewayError) -> Response:
    return Response(error.body(), error.status, retry_after=error.retry_after)


def _head(response: Response) -> bytes:
    lines = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\ncontent-type: {response.content_type}\r\n"
    )
    if response.retry_after is not None:
        lines += f"retry-after: {max(1, round(response.retry_after))}\r\n"
    return lines.encode()
