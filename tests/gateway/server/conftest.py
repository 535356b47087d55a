"""A listener on a free port, served by an application that the test writes; clients are raw sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from config.schema import Limits
from gateway.server.listener import Listener, bind

App = Callable[[Any, Any, Any], Awaitable[None]]


class Served:
    """One running listener."""

    def __init__(self, listener: Listener, port: int) -> None:
        self.listener = listener
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> bytes:
        """Send bytes on a connection of their own; give everything until the server closes it."""
        reader, writer = await self.connect()
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    listeners: list[Listener] = []

    async def start(app: App, **limits: Any) -> Served:
        listener = Listener(app, Limits(**limits))
        sock = bind("127.0.0.1", 0, shared=False)
        await listener.start(sock)
        listeners.append(listener)
        return Served(listener, sock.getsockname()[1])

    yield start
    for listener in listeners:
        await listener.stop(0.01)
