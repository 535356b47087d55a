"""A client's connection: bytes in to requests, one after the other; faults in the bytes answered and closed."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import httptools

from adapters.wire.errors import (
    BadRequest,
    GatewayError,
    HeadersTooLarge,
    MethodNotAllowed,
    Overloaded,
    RequestTimeout,
)
from gateway.call import request_id_of
from gateway.errors import render
from gateway.server.exchange import BODY_SECONDS, CANCEL_ON_DISCONNECT, CUT, Exchange, Scope

if TYPE_CHECKING:
    from gateway.server.listener import Listener

_PIPELINE_MAX = 16
_LINGER_SECONDS = 2.0
_NEVER = float("inf")


class Connection(asyncio.Protocol):
    """Parses requests, hands them to the application one at a time, and notices at once when the client leaves."""

    __slots__ = (
        "_bound",
        "_close_after",
        "_deaf",
        "_expects_continue",
        "_extensions",
        "_fed",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_listener",
        "_parser",
        "_peer",
        "_reading",
        "_reading_paused",
        "_transport",
        "_url",
        "_waiting",
        "clock",
        "congested",
        "current",
        "deadline",
        "loop",
    )

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self.loop = listener.loop
        self.clock = listener.clock
        self.current: Exchange | None = None
        """The exchange that is being served."""
        self.congested: asyncio.Future[None] | None = None
        """Set while the client reads slower than we write."""
        self.deadline = _NEVER
        """When the client has waited too long to send, on the loop's clock."""
        self._bound = (0.0, "")
        self._extensions = {
            CANCEL_ON_DISCONNECT: self.cancel_on_disconnect,
            BODY_SECONDS: self.give_body,
            CUT: self.abort,
        }
        self._reading: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._close_after = False
        self._deaf = False
        self._reading_paused = False
        self._in_head = False
        self._head_bytes = 0

    @property
    def draining(self) -> bool:
        """Whether the gateway is shutting down, so that no further request is taken here."""
        return self._listener.draining

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to parse, or refuse the client where there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)
        self._peer = transport.get_extra_info("peername")
        self.deadline = self.loop.time() + self._listener.limits.idle_seconds
        if not self._listener.add(self):
            self._refuse(Overloaded("The gateway has too many open connections.", retry_after=1))

    def connection_lost(self, exception: Exception | None) -> None:
        """Tell everybody who works for this client that it has gone."""
        self._listener.remove(self)
        self.resume_writing()
        for exchange in (self.current, self._reading, *self._waiting):
            if exchange is not None:
                exchange.disconnect()
        self.current = self._reading = None
        self._waiting.clear()
        # What points back at this object would keep it until the garbage collector comes by.
        del self._parser
        self._extensions = {}

    def cancel_on_disconnect(self) -> None:
        """From now on the client's leaving cancels the task that serves the present exchange."""
        if self.current is not None:
            self.current.cancels = True

    def give_body(self, seconds: float, setting: str) -> None:
        """The client has so long, from now on, to send the body of the present exchange."""
        if self.current is not None and self.current is self._reading:
            self._bound = (seconds, setting)
            self.deadline = self.loop.time() + seconds

    def data_received(self, data: bytes) -> None:
        """Parse what came in."""
        if self._deaf:
            return
        self._fed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except httptools.HttpParserError as error:
            fault = error.__context__
            self._refuse(fault if isinstance(fault, GatewayError) else BadRequest(_unreadable(error), code="bad_http"))
            return
        if self._in_head or (self._reading is not None and not self._fed):  # a head, trailers or chunk extensions
            self._head_bytes += len(data)
            if self._head_bytes > self._listener.limits.header_bytes:
                self._refuse(self._headers_too_large())

    def _decline(self, rest: bytes) -> None:
        """Read a request that offers another protocol again, without the offer (RFC 9110, 7.8).

        llhttp takes all that follows such a head for the other protocol, the request's own body included; Java's
        HttpClient offers HTTP/2 with every request.
        """
        parser = self._parser
        lines = [b"%b %b HTTP/%b" % (parser.get_method(), self._url, parser.get_http_version().encode())]
        for name, value in self._headers:
            if name == b"connection":
                value = b"close" if b"close" in value.lower() else b"keep-alive"
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def on_message_begin(self) -> None:
        """llhttp: a request line begins."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = True
        self._head_bytes = 0
        self._expects_continue = False
        seconds = self._listener.limits.body_seconds
        self._bound = (seconds, "server.limits.body_seconds")
        self.deadline = self.loop.time() + seconds

    def on_url(self, url: bytes) -> None:
        """llhttp: a part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: one header, or one trailer after the body, which may not pass for a header (RFC 9110, 6.5.1)."""
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """llhttp: the head is whole. Judge it and start to serve it."""
        self._in_head = False
        parser = self._parser
        version = parser.get_http_version()
        self._judge_headers(version)
        method = parser.get_method()
        if method == b"CONNECT":
            raise MethodNotAllowed("CONNECT is not served here.")
        if parser.should_upgrade():
            return  # it comes again without the offer
        scope = self._scope(method.decode("ascii"), version)
        exchange = Exchange(self, scope, parser.should_keep_alive(), method == b"HEAD")
        exchange.expects_continue = self._expects_continue
        self._reading = exchange
        if self.current is None:
            self._serve(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) > _PIPELINE_MAX:
            self.pause_reading()

    def _judge_headers(self, version: str) -> None:
        size = len(self._url)
        hosts = 0
        for name, value in self._headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                raise BadRequest("No transfer coding but chunked is taken.", code="bad_http")
            elif name == b"expect":
                self._expects_continue = value.lower() == b"100-continue"
        if size > self._listener.limits.header_bytes:
            raise self._headers_too_large()
        if hosts != 1 and version == "1.1":
            raise BadRequest("An HTTP/1.1 request needs exactly one Host header.", code="bad_http")

    def on_body(self, part: bytes) -> None:
        """llhttp: a part of the body."""
        self._fed = True
        self._head_bytes = 0
        if self._reading is not None:
            self._reading.feed(part)

    def on_message_complete(self) -> None:
        """llhttp: the request has arrived whole."""
        exchange, self._reading = self._reading, None
        self.deadline = _NEVER
        if exchange is not None:
            exchange.complete()
            if exchange.answered and exchange is self.current:
                self._close()

    def _scope(self, method: str, version: str) -> Scope:
        raw_path, _, query = self._url.partition(b"?")
        if not raw_path.startswith(b"/"):
            raw_path = _path_of_absolute_form(raw_path)
        path = raw_path.decode("latin-1")
        listener = self._listener
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": version,
            "method": method,
            "scheme": listener.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._peer,
            "server": listener.address,
            "state": {},
            "extensions": self._extensions,
        }

    def _serve(self, exchange: Exchange) -> None:
        self.current = exchange
        exchange.task = self.loop.create_task(self._listener.serve(exchange))

    def finished(self, exchange: Exchange) -> None:
        """The answer has been written: serve the next request, wait for one, or close."""
        if not exchange.request_complete:
            self._linger()
            return
        if self._close_after or self.draining or not exchange.keep_alive:
            self._close()
            return
        self.current = None
        if self._waiting:
            self._serve(self._waiting.popleft())
            self.resume_reading()
        elif self._reading is None and not self._in_head:
            self.deadline = self.loop.time() + self._listener.limits.idle_seconds

    def overdue(self) -> None:
        """The client did not send in time."""
        if self.current is not None and self.current.answered:
            self._transport.abort()
        elif self._reading is not None:
            self.deadline = _NEVER
            self._reading.fail(self._too_slow())
        elif self._in_head:
            self._refuse(self._too_slow())
        else:
            self._close()

    def drain(self) -> None:
        """The gateway shuts down: close now if nothing is being served, else after the answer."""
        if self.current is None:
            self._close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def write(self, data: bytes) -> None:
        """Hand bytes to the socket."""
        self._transport.write(data)

    def pause_reading(self) -> None:
        """Stop reading from a client that sends faster than its requests are taken."""
        if not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """asyncio: the socket's buffer is full."""
        self.congested = self.loop.create_future()

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        if self.congested is not None:
            if not self.congested.done():
                self.congested.set_result(None)
            self.congested = None

    def _refuse(self, error: GatewayError) -> None:
        """Answer what never became a request, or end the one that broke off, and close."""
        self._deaf = True
        self._close_after = True
        self._in_head = False
        if self._reading is not None:
            self._reading.fail(error)
        elif self.current is None:
            self.current = Exchange(self, {"http_version": "1.1"}, keep_alive=False, is_head=False)
            self.current.task = self.loop.create_task(answer(self.current, error))

    def _linger(self) -> None:
        # A close with unread bytes makes the kernel send a reset, which can overtake our answer (RFC 9112, 9.6).
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.resume_reading()
        self.deadline = self.loop.time() + _LINGER_SECONDS

    def _close(self) -> None:
        self._transport.close()

    def _headers_too_large(self) -> HeadersTooLarge:
        limit = self._listener.limits.header_bytes
        return HeadersTooLarge(f"The request's headers are over {limit} bytes (server.limits.header_bytes).")

    def _too_slow(self) -> RequestTimeout:
        seconds, setting = self._bound
        return RequestTimeout(f"The request did not arrive within {seconds:g} s ({setting}).")


async def answer(exchange: Exchange, error: GatewayError) -> None:
    """Answer with an error, outside of any application."""
    request_id = request_id_of(dict(exchange.scope.get("headers", ())))
    status, headers, body = render(error, (b"x-request-id", request_id))
    await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body})


def _path_of_absolute_form(target: bytes) -> bytes:
    """The path of `http://host/path` (RFC 9112, 3.2.2)."""
    try:
        return httptools.parse_url(target).path or b"/"
    except httptools.HttpParserInvalidURLError:
        raise BadRequest("The request's target is no path.", code="bad_http") from None


def _unreadable(error: Exception) -> str:
    return f"This is not an HTTP/1.1 request: {error}."
