"""Pools in front of scripted servers, over both event loops that the gateway runs on."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest
import trustme
import uvloop

from config.schema import Limits, Timeouts
from gateway.upstream.head import build_head, origin_of
from gateway.upstream.pool import Pool, Response

HEADERS = [(b"content-type", b"application/json"), (b"authorization", b"Bearer sk-secret-0123456789")]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Client:
    """A pool and the head of a request to its URL."""

    def __init__(self, pool: Pool, url: str) -> None:
        self.pool = pool
        self.url = url
        self.head = build_head("POST", url, HEADERS)

    async def send(self, body: bytes = b"{}", method: str = "POST") -> Response:
        head = self.head if method == "POST" else build_head(method, self.url, HEADERS)
        return await self.pool.send(head, body)

    async def ask(self, body: bytes = b"{}") -> bytes:
        response = await self.send(body)
        try:
            return await response.read()
        finally:
            response.close()


Connect: TypeAlias = Callable[..., Client]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients; what they are given lies over the defaults of the configuration."""
    pools: list[Pool] = []

    def make(
        url: str,
        *,
        connections: int = 8,
        queue: int = 8,
        timeouts: dict[str, float] | None = None,
        limits: dict[str, int] | None = None,
        **settings: Any,
    ) -> Client:
        pool = Pool(
            origin_of(url),
            connections=connections,
            queue=queue,
            timeouts=Timeouts(**(timeouts or {})),
            limits=Limits(**(limits or {})),
            **settings,
        )
        pools.append(pool)
        return Client(pool, url)

    yield make
    for pool in pools:
        await pool.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of this machine where connecting neither succeeds nor fails: its listener's queue is full."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server shows that is called localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context
