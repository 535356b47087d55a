"""The limit of connections and its queue: in order, bounded, and nobody takes a place along."""

import asyncio

import pytest

from adapters.wire.errors import Overloaded, UpstreamUnreachable
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import CHUNKED, Peer, RawServer, answer_all, answer_with


async def hold(peer: Peer) -> None:
    """Answer only when the test is over."""
    await peer.request()
    await asyncio.sleep(60)


async def test_no_more_connections_than_allowed(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n", pause=0.02)) as server:
        client = connect(server.url, connections=2, queue=20)
        answers = await asyncio.gather(*(client.ask() for _ in range(12)))
        assert answers == [b""] * 12
        assert len(server.peers) == 2


async def test_who_waits_is_served_in_order(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n")) as server:
        client = connect(server.url, connections=1, queue=20)
        bodies = [b"%d" % number for number in range(6)]
        await asyncio.gather(*(client.ask(body) for body in bodies))
        assert [request[-1:] for request in server.peers[0].requests] == bodies


async def test_a_full_queue_refuses_at_once(connect: Connect) -> None:
    async with RawServer(hold) as server:
        client = connect(server.url, connections=1, queue=1)
        running = [asyncio.create_task(client.ask()) for _ in range(2)]
        await (await server.peer()).request_came()
        with pytest.raises(Overloaded) as refused:
            await client.ask()
        assert refused.value.retry_after == 1
        for task in running:
            task.cancel()


async def test_who_waits_gets_a_new_connection_when_one_breaks(connect: Connect) -> None:
    async def break_off(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.05)
        peer.close()

    async with RawServer(break_off, answer_all) as server:
        client = connect(server.url, connections=1, queue=1)
        first = asyncio.create_task(client.ask())
        await server.peer()
        assert await client.ask() == b"{}"
        with pytest.raises(UpstreamUnreachable):
            await first


async def test_a_cancelled_waiter_leaves_its_place(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n", pause=0.05)) as server:
        client = connect(server.url, connections=1, queue=1)
        first = asyncio.create_task(client.ask())
        await server.peer()
        second = asyncio.create_task(client.ask())
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert await client.ask() == b""
        await first


async def test_a_waiter_cancelled_with_a_connection_in_hand_gives_it_back(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n", pause=0.05)) as server:
        client = connect(server.url, connections=1, queue=1)
        response = await client.send()
        waiter = asyncio.create_task(client.ask())
        await response.chunk()  # the connection is handed over, and the waiter has not run yet
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert await client.ask() == b""
        assert len(server.peers) == 1


async def test_a_waiter_cancelled_with_the_right_to_connect_gives_it_back(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED), answer_all) as server:
        client = connect(server.url, connections=1, queue=1)
        response = await client.send()
        waiter = asyncio.create_task(client.ask())
        await asyncio.sleep(0)
        response.close()  # the place is handed over, and the waiter has not run yet
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert await client.ask() == b"{}"


async def test_a_waiter_whose_connection_breaks_in_its_hand_gets_another(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url, connections=1, queue=1)
        await client.ask()
        connection = client.pool._idle.pop()
        waiter = asyncio.create_task(client.ask())
        await asyncio.sleep(0)
        client.pool._free(connection)
        connection.close()
        assert await waiter == b"{}"
        assert len(server.peers) == 2
