"""The life of connections: what is sent, reuse, and closing."""

import asyncio

import pytest

from adapters.wire.errors import Overloaded, UpstreamError, UpstreamUnreachable
from config.schema import Limits, Provider, Server, Timeouts
from gateway.upstream.head import build_head, origin_of
from gateway.upstream.pool import build_pool
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, Peer, RawServer, answer_all, answer_with, chunk


async def test_sends_head_length_and_body_as_one_request(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url)
        await client.ask(b'{"model":"m"}')
        assert (await server.peer()).requests == [
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:%d\r\ncontent-type: application/json\r\n"
            b'authorization: Bearer sk-secret-0123456789\r\ncontent-length: 13\r\n\r\n{"model":"m"}' % server.port
        ]


async def test_get_without_body_tells_no_length(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        response = await connect(server.url).send(b"", method="GET")
        assert await response.read() == b"{}"
        assert b"content-length" not in (await server.peer()).requests[0]


@pytest.mark.parametrize("size", [65_536, 65_537, 5_000_000])
async def test_long_bodies_arrive_whole(connect: Connect, size: int) -> None:
    async with RawServer(answer_all) as server:
        assert await connect(server.url).ask(b"x" * size) == b"{}"
        head, _, body = (await server.peer()).requests[0].partition(b"\r\n\r\n")
        assert head.endswith(b"\r\ncontent-length: %d" % size)
        assert body == b"x" * size


async def test_gives_status_and_lower_case_headers(connect: Connect) -> None:
    async with RawServer(
        answer_with(b"HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nX-Two: a\r\nx-two: b\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        response = await connect(server.url).send()
        assert response.status == 429
        assert response.headers == [
            (b"retry-after", b"7"),
            (b"x-two", b"a"),
            (b"x-two", b"b"),
            (b"content-length", b"0"),
        ]
        assert await response.read() == b""


async def test_uses_the_same_connection_again(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url)
        for _ in range(3):
            await client.ask()
        assert [len(peer.requests) for peer in server.peers] == [3]


async def test_a_connection_read_to_its_end_is_free_without_close(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, chunk(b"a"), b"0\r\n\r\n")) as server:
        client = connect(server.url, connections=1, queue=0)
        for _ in range(2):
            response = await client.send()
            while await response.chunk():
                pass
        assert len(server.peers) == 1


async def test_the_connection_used_last_is_used_next(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url)
        await asyncio.gather(*(client.ask() for _ in range(3)))
        counts = sorted(len(peer.requests) for peer in server.peers)
        for _ in range(3):
            await client.ask()
        assert sorted(len(peer.requests) for peer in server.peers) == [*counts[:-1], counts[-1] + 3]


async def test_close_before_the_end_closes_the_socket(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, chunk(b"a"))) as server:
        response = await connect(server.url).send()
        assert await response.chunk() == b"a"
        response.close()
        response.close()
        assert await (await server.peer()).gone() < 0.1
        with pytest.raises(UpstreamUnreachable):
            await response.chunk()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_the_peer_will_not_keep_is_closed(connect: Connect, answer: bytes) -> None:
    async with RawServer(answer_with(answer)) as server:
        client = connect(server.url)
        assert await client.ask() == b"{}"
        assert await (await server.peer(0)).gone() < 0.1
        assert await client.ask() == b"{}"
        assert len(server.peers) == 2


async def test_http_1_0_that_keeps_the_connection_is_used_again(connect: Connect) -> None:
    answer = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}"
    async with RawServer(answer_with(answer)) as server:
        client = connect(server.url)
        await client.ask()
        await client.ask()
        assert len(server.peers) == 1


async def test_an_idle_connection_that_the_peer_closes_is_dropped(connect: Connect) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER)

    async with RawServer(once) as server:
        client = connect(server.url, connections=1, queue=0)
        for _ in range(3):
            assert await client.ask() == b"{}"
            await asyncio.sleep(0.02)
        assert [len(peer.requests) for peer in server.peers] == [1, 1, 1]


async def test_idle_connections_are_closed_after_a_while(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.deadlines._IDLE_SECONDS", 0.05)
    monkeypatch.setattr("gateway.upstream.deadlines._REST_SECONDS", 0.05)
    async with RawServer(answer_all) as server:
        await connect(server.url).ask()
        await (await server.peer()).gone()


# Closing


async def test_close_lets_the_running_answer_end(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, chunk(b"a"), chunk(b"b"), b"0\r\n\r\n", pause=0.03)) as server:
        client = connect(server.url)
        response = await client.send()
        await client.pool.close()
        assert await response.read() == b"ab"
        assert await (await server.peer()).gone() < 0.1


async def test_close_closes_idle_connections_and_takes_no_more(connect: Connect) -> None:
    async with RawServer(answer_all) as server:
        client = connect(server.url)
        await client.ask()
        await client.pool.close()
        assert await (await server.peer()).gone() < 0.1
        with pytest.raises(Overloaded):
            await client.ask()


async def test_close_lets_the_queue_be_served(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, b"0\r\n\r\n", pause=0.03)) as server:
        client = connect(server.url, connections=1, queue=1)
        running = [asyncio.create_task(client.ask()) for _ in range(2)]
        await server.peer()
        await client.pool.close()
        assert await asyncio.gather(*running) == [b"", b""]


async def test_serves_over_a_unix_socket(connect: Connect, tmp_path: object) -> None:
    async with RawServer(answer_all, path=f"{tmp_path}/engine.sock") as server:
        client = connect(server.url)
        assert await client.ask() == b"{}"
        request = (await server.peer()).requests[0]
        assert request.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")


async def test_a_pool_is_built_from_the_configuration() -> None:
    server = Server(timeouts=Timeouts(first_byte=0.1), limits=Limits(answer_bytes=1_024))
    async with RawServer(answer_with(b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2_000)) as upstream:
        origin = origin_of(upstream.url)
        pool = build_pool(Provider(), origin, server)
        response = await pool.send(build_head("POST", upstream.url, []), b"{}")
        with pytest.raises(UpstreamError, match=r"1024 bytes \(limits\.answer_bytes\)"):
            await response.read()
        await pool.close()
    named = build_pool(Provider(timeouts=Timeouts(connect=1)), origin, server, "lab")
    with pytest.raises(UpstreamUnreachable, match="The provider 'lab' could not be reached: connection refused"):
        await named.send(build_head("POST", upstream.url, []), b"{}")
    await named.close()
