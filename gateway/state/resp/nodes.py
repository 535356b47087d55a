"""The servers of a Redis: one, or those of a cluster."""

import ssl
from collections.abc import Awaitable, Sequence
from typing import Any

from redis.asyncio import Redis as Client

from config import state
from config.redis_url import RedisUrl, parse_redis_url
from gateway.state.resp.client import client_of, find_master
from gateway.state.resp.cluster import Cluster
from gateway.state.resp.connection import Command, pack
from gateway.state.resp.server import Server, server_of, tls_of


def nodes_of(settings: state.Redis) -> "One | Cluster":
    """Those that the URL leads to."""
    url = parse_redis_url(settings.url)
    tls = tls_of(settings, url)
    return Cluster(settings, url, tls) if url.kind == "cluster" else One(settings, url, tls)


class One:
    """Everything goes to one server."""

    def __init__(self, settings: state.Redis, url: RedisUrl, tls: ssl.SSLContext | None) -> None:
        self._url = url
        self._tls = tls
        self._server: Server = server_of(settings, url, tls)
        self.close = self._server.close
        self.renew = self._server.close

    @property
    def trouble(self) -> str | None:
        return self._server.breaker.trouble

    def ask(self, command: Command, until: float) -> Awaitable[Any]:
        return self._server.ask(pack(command), 1, until)

    async def ask_all(self, commands: Sequence[Command], until: float) -> list[Any]:
        if not commands:
            return []
        packed = b"".join(map(pack, commands))
        answers = await self._server.ask(packed, len(commands), until)
        return answers if len(commands) > 1 else [answers]

    async def probe(self, until: float) -> None:
        await self._server.probe(until)

    async def listener(self) -> Client:
        url, tls = self._url, self._tls
        if url.kind == "unix":
            return client_of(url, tls)
        return client_of(url, tls, await find_master(url, tls) if url.kind == "sentinel" else url.addresses[0])
