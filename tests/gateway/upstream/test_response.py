"""Bodies: whole and in pieces, with every kind of end, cut short, too long, and faster than they are taken."""

import asyncio
from collections.abc import Callable

import pytest

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from gateway.upstream.response import Response
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, END, Peer, RawServer, Script, answer_with, chunk


def answer_and_close(*pieces: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        peer.close()

    return script


def answer_and_reset(*pieces: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        await asyncio.sleep(0.01)
        peer.reset()

    return script


async def joined(response: Response) -> bytes:
    parts = []
    while data := await response.chunk():
        parts.append(data)
    return b"".join(parts)


@pytest.mark.parametrize(
    "pieces",
    [
        (ANSWER,),
        (ANSWER[:-2], b"{}"),
        (ANSWER[:-1], b"}"),
        (ANSWER[:5], ANSWER[5:40], ANSWER[40:]),
        (CHUNKED + chunk(b"{}") + END,),
        (CHUNKED, chunk(b"{"), chunk(b"}"), END),
        (CHUNKED + b"2;name=value\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n",),
        (CHUNKED + b"2\r", b"\n{", b"}\r", b"\n0\r\n", b"\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER,),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", ANSWER),
    ],
)
async def test_reads_a_whole_body_and_keeps_the_connection(connect: Connect, pieces: tuple[bytes, ...]) -> None:
    async with RawServer(answer_with(*pieces)) as server:
        client = connect(server.url)
        assert [await client.ask(), await client.ask()] == [b"{}", b"{}"]
        assert len(server.peers) == 1


async def test_interim_answers_leave_no_headers(connect: Connect) -> None:
    async with RawServer(answer_with(b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + ANSWER)) as server:
        response = await connect(server.url).send()
        assert (response.status, [name for name, _ in response.headers]) == (200, [b"content-type", b"content-length"])


async def test_trailers_never_become_headers(connect: Connect) -> None:
    trailed = CHUNKED + chunk(b"{}") + b"0\r\nx-first: 1\r\nx-last: 2\r\n\r\n"
    async with RawServer(answer_with(trailed)) as server:
        client = connect(server.url)
        for _ in range(2):
            response = await client.send()
            assert await response.read() == b"{}"
            assert response.headers == [(b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize("pieces", [(b"{}",), (b"{", b"}"), ()])
async def test_a_body_without_length_ends_with_the_connection(connect: Connect, pieces: tuple[bytes, ...]) -> None:
    async with RawServer(answer_and_close(b"HTTP/1.1 200 OK\r\n\r\n", *pieces)) as server:
        client = connect(server.url)
        assert await client.ask() == b"".join(pieces)
        assert await client.ask() == b"".join(pieces)
        assert len(server.peers) == 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_answers_that_have_no_body(connect: Connect, status: bytes) -> None:
    async with RawServer(answer_with(b"HTTP/1.1 %b\r\ncontent-length: 7\r\n\r\n" % status)) as server:
        client = connect(server.url)
        assert [await client.ask(), await client.ask()] == [b"", b""]
        assert len(server.peers) == 1


async def test_the_answer_to_head_has_no_body(connect: Connect) -> None:
    async with RawServer(answer_with(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")) as server:
        response = await connect(server.url).send(b"", method="HEAD")
        assert await response.read() == b""
        assert (b"content-length", b"7") in response.headers


async def test_a_whole_answer_is_read_without_waiting(connect: Connect) -> None:
    async with RawServer(answer_with(ANSWER)) as server:
        response = await connect(server.url).send()
        reading = response.read()
        with pytest.raises(StopIteration) as returned:
            reading.send(None)
        assert returned.value.value == b"{}"


async def test_chunk_gives_what_came_and_then_nothing(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED + chunk(b"a") + chunk(b"b"), chunk(b"c"), END, pause=0.03)) as server:
        response = await connect(server.url).send()
        assert [await response.chunk() for _ in range(4)] == [b"ab", b"c", b"", b""]


async def test_a_slow_drip_comes_out_whole(connect: Connect) -> None:
    stream = CHUNKED + chunk(b"hello ") + chunk(b"world") + END
    drops = [stream[i : i + 1] for i in range(len(stream))]
    async with RawServer(answer_with(*drops, pause=0.001)) as server:
        response = await connect(server.url).send()
        assert await response.read() == b"hello world"


@pytest.mark.parametrize("ending", [answer_and_close, answer_and_reset])
@pytest.mark.parametrize(
    "pieces",
    [
        (ANSWER[:-1],),
        (ANSWER[:-2],),
        (CHUNKED,),
        (CHUNKED, chunk(b"a")),
        (CHUNKED + b"5\r\nab",),
        (CHUNKED, chunk(b"a") + b"0\r\n"),
    ],
)
async def test_an_answer_cut_short_is_never_taken_for_whole(
    connect: Connect, pieces: tuple[bytes, ...], ending: Callable[..., Script]
) -> None:
    async with RawServer(ending(*pieces)) as server:
        response = await connect(server.url).send()
        with pytest.raises(UpstreamUnreachable, match="before the end of its answer"):
            await response.read()


async def test_a_reset_is_no_proper_end_of_a_body_without_length(connect: Connect) -> None:
    async with RawServer(answer_and_reset(b"HTTP/1.1 200 OK\r\n\r\nabc")) as server:
        response = await connect(server.url).send()
        with pytest.raises(UpstreamUnreachable):
            await response.read()


async def test_what_came_before_a_cut_is_given_first(connect: Connect) -> None:
    async with RawServer(answer_and_close(CHUNKED + chunk(b"a"))) as server:
        response = await connect(server.url).send()
        await asyncio.sleep(0.02)
        assert await response.chunk() == b"a"
        with pytest.raises(UpstreamUnreachable):
            await response.chunk()


@pytest.mark.parametrize("pieces", [(b"H",), (ANSWER[:20],), (b"HTTP/1.1 100 Continue\r\n\r\n",), ()])
async def test_a_cut_before_the_headers_end(connect: Connect, pieces: tuple[bytes, ...]) -> None:
    async with RawServer(answer_and_close(*pieces)) as server:
        with pytest.raises(UpstreamUnreachable, match="without an answer"):
            await connect(server.url).send()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n" + b"x" * 3000, CHUNKED + chunk(b"x" * 3000) + END]
)
async def test_an_answer_over_the_limit_is_refused(connect: Connect, answer: bytes) -> None:
    async with RawServer(answer_with(answer)) as server:
        client = connect(server.url, limits={"answer_bytes": 2048})
        with pytest.raises(UpstreamError, match=r"limits\.answer_bytes") as refused:
            await client.ask()
        assert refused.value.status == 502


async def test_an_endless_answer_is_cut_off_at_the_limit(connect: Connect) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while True:
            await peer.send(chunk(b"x" * 1000))

    async with RawServer(endless) as server:
        client = connect(server.url, limits={"answer_bytes": 100_000})
        with pytest.raises(UpstreamError, match=r"limits\.answer_bytes"):
            await client.ask()
        assert await (await server.peer()).gone() < 0.1


async def test_a_stream_may_be_longer_than_the_limit_of_an_answer(connect: Connect) -> None:
    async with RawServer(answer_with(CHUNKED, *[chunk(b"x" * 1000)] * 4, END, pause=0.001)) as server:
        response = await connect(server.url, limits={"answer_bytes": 2048}).send()
        assert len(await joined(response)) == 4_000


async def test_the_upstream_is_not_read_while_nobody_takes(connect: Connect) -> None:
    sent = 0

    async def flood(peer: Peer) -> None:
        nonlocal sent
        peer.buffer_little()
        await peer.request()
        await peer.send(CHUNKED)
        for _ in range(1_200):
            await peer.send(chunk(b"x" * 10_000))
            sent += 10_000
        await peer.send(END)

    async with RawServer(flood) as server:
        client = connect(server.url, limits={"stream_buffer_bytes": 65_536})
        response = await client.send()
        await asyncio.sleep(0.2)
        held = response.size
        assert held < 65_536 + 262_144 + 10_000  # one read may go over the mark
        assert sent < 10_000_000
        assert len(await joined(response)) == 12_000_000
