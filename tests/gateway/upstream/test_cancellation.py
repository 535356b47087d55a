"""A caller that goes takes its socket along within 100 ms, in every phase."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable

import pytest

from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, Peer, RawServer, answer_all, answer_with, chunk

SOON = 0.1


async def hold(peer: Peer) -> None:
    await peer.request()
    await asyncio.sleep(60)


async def cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def start(waiting: Awaitable[object]) -> "asyncio.Task[object]":
    """Run it until it waits for something outside."""
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0.05)
    return task


async def test_waiting_for_headers(connect: Connect) -> None:
    async with RawServer(hold) as server:
        task = await start(connect(server.url).ask())
        await cancel(task)
        assert await (await server.peer()).gone() < SOON


async def test_waiting_for_the_body(connect: Connect) -> None:
    async with RawServer(answer_with(ANSWER[:-1])) as server:
        task = await start(connect(server.url).ask())
        await cancel(task)
        assert await (await server.peer()).gone() < SOON


async def test_waiting_for_a_chunk(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, chunk(b"a"))) as server:
        response = await connect(server.url).send()
        assert await response.chunk() == b"a"
        task = await start(response.chunk())
        await cancel(task)
        assert await (await server.peer()).gone() < SOON


async def test_waiting_in_the_queue_opens_nothing(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n", pause=0.2)) as server:
        client = connect(server.url, connections=1)
        first = await start(client.ask())
        second = await start(client.ask())
        await cancel(second)
        await first
        assert [len(peer.requests) for peer in server.peers] == [1]


async def test_connecting(connect: Connect, silent_port: int) -> None:
    client = connect(f"http://127.0.0.1:{silent_port}/", connections=1, queue=0)
    task = await start(client.ask())
    await cancel(task)
    assert client.pool._open == 0


async def test_tls_handshake(connect: Connect) -> None:
    async with RawServer(hold) as server:
        task = await start(connect(server.url.replace("http://", "https://")).ask())
        peer = await server.peer()
        await cancel(task)
        assert await peer.gone() < SOON


async def test_asking_a_proxy(connect: Connect) -> None:
    async with RawServer(hold) as proxy:
        client = connect("https://provider.test/v1", proxy=f"http://127.0.0.1:{proxy.port}")
        task = await start(client.ask())
        peer = await proxy.peer()
        await cancel(task)
        assert await peer.gone() < SOON


async def test_looking_up_the_name(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = asyncio.Event()

    async def slow_lookup(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(0.2)
        looked_up.set()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    async with RawServer(answer_all) as server:
        client = connect(server.url)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", slow_lookup, raising=False)
        task = await start(client.ask())
        await cancel(task)
        await looked_up.wait()
        await asyncio.sleep(0.02)
        assert server.peers == []


async def test_mid_stream_over_tls(connect: Connect, server_tls: ssl.SSLContext, ca_file: str) -> None:
    from config.schema import Tls

    async with RawServer(answer_with(CHUNKED, chunk(b"a")), tls=server_tls) as server:
        response = await connect(server.url, tls=Tls(ca_file=ca_file)).send()
        assert await response.chunk() == b"a"
        task = await start(response.chunk())
        await cancel(task)
        assert await (await server.peer()).gone() < SOON


async def test_a_cancelled_request_leaves_room_for_the_next(connect: Connect) -> None:
    async with RawServer(hold, answer_all) as server:
        client = connect(server.url, connections=1, queue=0)
        task = await start(client.ask())
        await cancel(task)
        assert await client.ask() == b"{}"
