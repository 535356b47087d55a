"""Kept connections that their peer closed meanwhile: replaced once, and only when nothing can have happened."""

import asyncio
from collections.abc import Callable

import pytest

from adapters.wire.errors import UpstreamUnreachable
from gateway.upstream.connection import Connection
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, Peer, RawServer, Script, answer_all


async def close_on_second(peer: Peer) -> None:
    """What a server does whose idle time ran out just now: it reads nothing more and closes."""
    await peer.request()
    await peer.send(ANSWER)
    await peer.request()
    peer.close()


async def reset_on_second(peer: Peer) -> None:
    await peer.request()
    await peer.send(ANSWER)
    await peer.request()
    peer.reset()


@pytest.mark.parametrize("stale", [close_on_second, reset_on_second])
async def test_a_stale_connection_is_replaced_once(connect: Connect, stale: Script) -> None:
    async with RawServer(stale, answer_all) as server:
        client = connect(server.url)
        await client.ask()
        assert await client.ask(b'{"n":2}') == b"{}"
        assert [len(peer.requests) for peer in server.peers] == [2, 1]
        assert server.peers[1].requests[0].endswith(b'{"n":2}')


async def test_a_request_does_not_go_a_third_time(connect: Connect) -> None:
    async def close_at_once(peer: Peer) -> None:
        await peer.request()
        peer.close()

    async with RawServer(close_on_second, close_at_once) as server:
        client = connect(server.url)
        await client.ask()
        with pytest.raises(UpstreamUnreachable, match="without an answer"):
            await client.ask()
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


async def test_a_new_connection_that_breaks_is_no_stale_one(connect: Connect) -> None:
    async def close_at_once(peer: Peer) -> None:
        await peer.request()
        peer.close()

    async with RawServer(close_at_once) as server:
        with pytest.raises(UpstreamUnreachable, match="without an answer"):
            await connect(server.url).ask()
        assert len(server.peers) == 1


async def test_a_request_is_not_repeated_once_a_byte_of_the_answer_came(connect: Connect) -> None:
    async def break_inside(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER)
        await peer.request()
        await peer.send(b"H")
        peer.close()

    async with RawServer(break_inside) as server:
        client = connect(server.url)
        await client.ask()
        with pytest.raises(UpstreamUnreachable):
            await client.ask()
        assert len(server.peers) == 1


async def test_a_request_that_was_worked_on_is_not_repeated(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.connection._STALE_SECONDS", 0.05)

    async def think_and_break(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER)
        await peer.request()
        await asyncio.sleep(0.15)
        peer.close()

    async with RawServer(think_and_break) as server:
        client = connect(server.url)
        await client.ask()
        with pytest.raises(UpstreamUnreachable):
            await client.ask()
        assert len(server.peers) == 1


async def test_a_connection_that_is_closing_unannounced_is_replaced(connect: Connect) -> None:
    """The loop may know of the end before it calls `connection_lost`."""
    async with RawServer(answer_all) as server:
        client = connect(server.url)
        await client.ask()
        client.pool._idle[-1]._transport.abort()
        assert await client.ask() == b"{}"
        assert len(server.peers) == 2


async def test_a_connection_that_closes_while_it_is_made(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url, connections=1, queue=0)
        dial = client.pool._dialer.dial

        async def dial_and_lose(make: Callable[[], Connection]) -> Connection:
            connection = await dial(make)
            connection.close()
            return connection

        with monkeypatch.context() as patched:
            patched.setattr(client.pool._dialer, "dial", dial_and_lose)
            with pytest.raises(UpstreamUnreachable, match="before it was used"):
                await client.ask()
        assert await client.ask() == b"{}"
