"""One Redis server, found by its address or by asking sentinels who is the master."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

from config.redis_url import Address, RedisUrl
from config.state import Redis as Settings
from gateway.state.resp.breaker import Breaker
from gateway.state.resp.client import find_master
from gateway.state.resp.connection import Broken, Command, Connection, Dial, pack

_PING = pack(("PING",))
_SHARED_BY = 64
"""Answers that a connection owes when one more is opened: fewer connections make bigger writes."""


class Server:
    """Few connections that all commands share, and a breaker."""

    def __init__(self, settings: Settings, dial: Dial, greeting: tuple[Command, ...]) -> None:
        self._timeout = settings.timeout_ms / 1_000
        self._most = settings.connections
        self._dial = dial
        self._greeting = greeting
        self._connections: list[Connection] = []
        self.breaker = Breaker()

    def ask(self, packed: bytes, answers: int, until: float) -> asyncio.Future[Any]:
        """Send commands; see Connection.ask. Raises Broken at once while the server rests."""
        if not self.breaker.lets_through():
            raise Broken("resting")
        return self._connection().ask(packed, answers, until)

    async def probe(self, until: float) -> None:
        """Ask whether it is there: the breaker learns it."""
        with contextlib.suppress(Broken):
            await self.ask(_PING, 1, until)

    def close(self) -> None:
        """End every connection: the next command opens one anew, to whoever is the master then."""
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def _connection(self) -> Connection:
        best: Connection | None = None
        for connection in self._connections:
            if connection.failure is not None:
                continue
            if connection.owes < _SHARED_BY:
                return connection
            if best is None or connection.owes < best.owes:
                best = connection
        self._connections = [each for each in self._connections if each.failure is None]
        if best is None or len(self._connections) < self._most:
            best = Connection(self._dial, self._greeting, self._timeout, self.breaker)
            self._connections.append(best)
        return best


def server_of(settings: Settings, url: RedisUrl, tls: ssl.SSLContext | None) -> Server:
    """The one server of a URL that is not a cluster's."""
    if url.kind == "unix":
        return Server(settings, _dial_path(url.path), greeting_of(url))
    if url.kind == "sentinel":
        return Server(settings, _dial_master(url, tls), (*greeting_of(url), ("ROLE",)))
    return server_at(settings, url, url.addresses[0], tls)


def server_at(settings: Settings, url: RedisUrl, address: Address, tls: ssl.SSLContext | None) -> Server:
    """The server at an address."""
    return Server(settings, _dial_address(address, tls), greeting_of(url))


def greeting_of(url: RedisUrl) -> tuple[Command, ...]:
    """What a connection says first."""
    greeting: list[Command] = []
    if url.password is not None:
        greeting.append(("AUTH", url.user, url.password) if url.user else ("AUTH", url.password))
    if url.database:
        greeting.append(("SELECT", url.database))
    return tuple(greeting)


def tls_of(settings: Settings, url: RedisUrl) -> ssl.SSLContext | None:
    """What certificates have to prove, None without TLS."""
    return ssl.create_default_context(cafile=settings.ca_file) if url.tls else None


def _dial_address(address: Address, tls: ssl.SSLContext | None) -> Dial:
    return lambda protocol: asyncio.get_running_loop().create_connection(protocol, *address, ssl=tls)


def _dial_path(path: str) -> Dial:
    return lambda protocol: asyncio.get_running_loop().create_unix_connection(protocol, path)


def _dial_master(url: RedisUrl, tls: ssl.SSLContext | None) -> Dial:
    async def dial(protocol: Callable[[], asyncio.Protocol]) -> None:
        master = await find_master(url, tls)
        await asyncio.get_running_loop().create_connection(protocol, *master, ssl=tls)

    return dial
