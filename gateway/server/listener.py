"""Accepts connections, keeps their deadlines, and ends them decently."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Iterable

from adapters.wire.errors import GatewayError
from config.schema import Limits, ServerTls
from gateway.server.connection import Connection, answer
from gateway.server.exchange import AsgiApp, Exchange

log = logging.getLogger("isthmus.server")

_SWEEP_SECONDS = 0.5
_BACKLOG = 2_048


class Clock:
    """The Date header, written once a second (RFC 9110, 6.6.1); names of days are English as no locale is set."""

    __slots__ = ("date_line",)

    def __init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Write the line anew."""
        self.date_line = time.strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime()).encode()


class Listener:
    """Serves one ASGI application on one listening socket."""

    def __init__(self, app: AsgiApp, limits: Limits, tls: ServerTls | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = Clock()
        self.limits = limits
        self.draining = False
        self.scheme = "https" if tls else "http"
        self.address: tuple[str, int] = ("", 0)
        self._app = app
        self._tls = _server_context(tls) if tls else None
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, sock: socket.socket) -> None:
        """Listen at a bound socket."""
        self.address = sock.getsockname()[:2]
        self._server = await self.loop.create_server(
            lambda: Connection(self), sock=sock, ssl=self._tls, backlog=_BACKLOG
        )
        self._sweep()

    async def stop(self, seconds: float) -> int:
        """Take no more connections, let running answers end within `seconds`; return how many had to be cut."""
        self.draining = True
        self._server.close()
        for connection in tuple(self._connections):
            connection.drain()
        if self._connections:
            self._empty.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                log.warning("%d connections still busy after %g s are cut", len(self._connections), seconds)
        left = tuple(self._connections)
        for connection in left:
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return len(left)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._connections)

    def add(self, connection: Connection) -> bool:
        """Count a connection in; False where it is one too many."""
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections

    def remove(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def serve(self, exchange: Exchange) -> None:
        """Run the application for one request; a fault that it lets through ends the connection."""
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if not exchange.disconnected:
                raise
        except GatewayError as error:
            await self._fail(exchange, error)
        except Exception:
            log.exception("unhandled error in %s %s", exchange.scope.get("method"), exchange.scope.get("path"))
            await self._fail(exchange, GatewayError("The gateway failed; its log says why."))
        else:
            if not exchange.answered and not exchange.disconnected:
                log.error("no answer to %s %s", exchange.scope.get("method"), exchange.scope.get("path"))
                exchange.cut()

    async def _fail(self, exchange: Exchange, error: GatewayError) -> None:
        """Answer with an error, or cut an answer that has begun."""
        if exchange.started:
            exchange.cut()
        else:
            await answer(exchange, error)

    def _sweep(self) -> None:
        self.clock.tick()
        now = self.loop.time()
        for connection in _overdue(self._connections, now):
            connection.overdue()
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)


def _overdue(connections: Iterable[Connection], now: float) -> list[Connection]:
    return [connection for connection in connections if connection.deadline < now]


def _server_context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert_file, tls.key_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound socket that does not listen yet; `shared` lets several processes bind the same port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock
