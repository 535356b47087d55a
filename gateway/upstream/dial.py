"""Makes connections to one origin: name look-up, TCP, a proxy's tunnel, TLS."""

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable

from adapters.wire.errors import UpstreamUnreachable
from config import schema
from gateway.upstream.addresses import Address, Addresses
from gateway.upstream.connection import Connection
from gateway.upstream.head import InvalidSetting, Origin
from gateway.upstream.proxy import Proxy
from gateway.upstream.tls import client_context

_STAGGER_SECONDS = 0.25
"""The next address is tried too when one has not answered for this long: RFC 8305, 8."""
_PROBE_SECONDS = 60
"""A connection that is silent for this long is probed, so that no middle box forgets it while a model thinks."""


class Dialer:
    """Knows the way to an origin."""

    def __init__(self, origin: Origin, *, tls: schema.Tls | None = None, proxy: Proxy | None = None) -> None:
        self._origin = origin
        self._tls = tls or schema.Tls()
        self._secure = origin.scheme == "https"
        self._context: ssl.SSLContext | None = None
        self._server_name = (self._tls.server_name or origin.host) if self._secure else None
        self._proxy = proxy
        self._addresses = Addresses(proxy.host, proxy.port) if proxy else Addresses(origin.host, origin.port)

    async def dial(self, make: Callable[[], Connection]) -> Connection:
        """Connect, with nothing left behind on failure or cancellation.

        Raises OSError (socket.gaierror, ssl.SSLError and others), InvalidSetting, and UpstreamUnreachable from a proxy.
        """
        loop = asyncio.get_running_loop()
        if self._origin.scheme == "unix":
            _, connection = await loop.create_unix_connection(make, self._origin.path)
            return connection
        if self._secure and self._context is None:
            self._context = await asyncio.to_thread(client_context, self._tls)
        sock = await self._reach()
        try:
            if self._proxy is not None and self._secure:
                await self._proxy.tunnel(sock, self._origin)
            _, connection = await loop.create_connection(
                make, sock=sock, ssl=self._context, server_hostname=self._server_name
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def adapt(self, head: bytes) -> bytes:
        """A request's head as it has to be on this way."""
        if self._proxy is None or self._secure:
            return head
        return self._proxy.rewrite(head, self._origin)

    def explain(self, name: str, error: OSError | InvalidSetting) -> UpstreamUnreachable:
        """What a client is told when `dial` failed: the reason, never an address or a path."""
        where = " through its proxy" if self._proxy else ""
        return UpstreamUnreachable(f"{name} could not be reached{where}: {_reason(error)}.")

    async def _reach(self) -> socket.socket:
        """The first socket that connects, each address having a head start before the next."""
        waiting = deque(await self._addresses.get())
        attempts: set[asyncio.Task[socket.socket]] = set()
        failure: BaseException | None = None
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(asyncio.create_task(self._try(waiting.popleft())))
                done, _ = await asyncio.wait(
                    attempts, timeout=_STAGGER_SECONDS if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for attempt in done:
                    attempts.remove(attempt)
                    failure = attempt.exception()
                    if failure is None:
                        return attempt.result()
        finally:
            for attempt in attempts:
                attempt.add_done_callback(_close_loser)
                attempt.cancel()
        raise failure or OSError("no address")

    async def _try(self, address: Address) -> socket.socket:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_SECONDS)
            await asyncio.get_running_loop().sock_connect(sock, address.address)
        except OSError:
            self._addresses.failed(address)
            sock.close()
            raise
        except BaseException:
            sock.close()
            raise
        return sock


def _reason(error: OSError | InvalidSetting) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message} (tls.ca_file, tls.server_name)"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'no common ground'}"
        case socket.gaierror():
            return "the host name could not be resolved"
        case OSError():
            return os.strerror(error.errno).lower() if error.errno else "the connection broke"
    return str(error).rstrip(".")


def _close_loser(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
