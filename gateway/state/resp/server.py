"""One Redis server, found by its address or by asking sentinels who is the master."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from config.redis_url import Address, RedisUrl
from config.state import Redis as Settings
from gateway.state.resp.breaker import Breaker
from gateway.state.resp.connection import Broken, Command, Connection, Dial, pack

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

    def listen(self, heard: Callable[[Any], None], observer: "_Silent") -> Connection:
        """A connection of its own for what the server says unasked."""
        return Connection(self._dial, self._greeting, self._timeout, observer, heard)

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


class _Silent:
    """Nobody who wants to know how a server does."""

    def answered(self) -> None: ...

    def broke(self, reason: str) -> None: ...


NOBODY = _Silent()


def server_of(settings: Settings, url: RedisUrl) -> Server:
    """The one server of a URL that is not a cluster's."""
    tls = tls_of(settings, url)
    if url.kind == "unix":
        return Server(settings, _dial_path(url.path), greeting_of(url))
    if url.kind == "sentinel":
        return Server(settings, _dial_master(settings, url, tls), (*greeting_of(url), ("ROLE",)))
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


def _dial_master(settings: Settings, url: RedisUrl, tls: ssl.SSLContext | None) -> Dial:
    async def dial(protocol: Callable[[], asyncio.Protocol]) -> None:
        master = await _find_master(settings, url, tls)
        await asyncio.get_running_loop().create_connection(protocol, *master, ssl=tls)

    return dial


async def _find_master(settings: Settings, url: RedisUrl, tls: ssl.SSLContext | None) -> Address:
    """Ask every sentinel at once: the first that knows the master is believed, its role is checked after."""
    asking = [asyncio.ensure_future(_ask_sentinel(settings, url, each, tls)) for each in url.addresses]
    try:
        for answer in asyncio.as_completed(asking):
            if (master := await answer) is not None:
                return master
    finally:
        for task in asking:
            task.cancel()
    raise Broken("no_master")


async def _ask_sentinel(
    settings: Settings, url: RedisUrl, address: Address, tls: ssl.SSLContext | None
) -> Address | None:
    """What one sentinel says. It is asked without a password, and with the same as Redis if it demands one."""
    timeout = settings.timeout_ms / 1_000
    question = pack(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", url.service))
    login = tuple(command for command in greeting_of(url) if command[0] == "AUTH")
    for greeting in ((), login) if login else ((),):
        connection = Connection(_dial_address(address, tls), greeting, timeout, NOBODY)
        try:
            found = await connection.ask(question, 1, asyncio.get_running_loop().time() + timeout)
        except Broken:
            return None
        finally:
            connection.close()
        if isinstance(found, list):
            return found[0].decode(), int(found[1])
    return None
