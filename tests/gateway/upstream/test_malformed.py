"""Answers that could smuggle, split or exhaust: each is a 502, closes its connection, and hurts no later request."""

import asyncio

import pytest

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, Peer, RawServer, Script, answer_all, answer_with, chunk

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"content-length: 0\r\n\r\n"

UNTRUSTED = {
    "content-length twice": OK + b"content-length: 1\r\ncontent-length: 1\r\n\r\na",
    "content-lengths that differ": OK + b"content-length: 1\r\nContent-Length: 2\r\n\r\nab",
    "content-length list": OK + b"content-length: 1, 1\r\n\r\na",
    "signed content-length": OK + b"content-length: +1\r\n\r\na",
    "negative content-length": OK + b"content-length: -1\r\n\r\na",
    "hexadecimal content-length": OK + b"content-length: 0x1\r\n\r\na",
    "content-length in two words": OK + b"content-length: 1 1\r\n\r\na",
    "empty content-length": OK + b"content-length:\r\n\r\na",
    "content-length beyond 64 bits": OK + b"content-length: 99999999999999999999999\r\n\r\na",
    "content-length, then chunked": OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked, then content-length": OK + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n",
    "gzip, chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": OK + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice over": OK + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "gzip transfer coding": OK + b"transfer-encoding: gzip\r\n\r\nabc",
    "xchunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked with a vertical tab": OK + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "folded header": OK + b"a: b\r\n c\r\n" + EMPTY,
    "folded content-length": OK + b"content-length: 0\r\n 1\r\n\r\n",
    "bare CR in a value": OK + b"a: b\rc: d\r\n" + EMPTY,
    "bare LF in a value": OK + b"a: b\nc: d\r\n" + EMPTY,
    "bare LF after the status": b"HTTP/1.1 200 OK\n" + EMPTY,
    "bare LF before the body": OK + b"content-length: 1\r\n\na",
    "NUL in a value": OK + b"a: b\0c\r\n" + EMPTY,
    "NUL in a name": OK + b"a\0b: c\r\n" + EMPTY,
    "control in a value": OK + b"a: b\x01c\r\n" + EMPTY,
    "DEL in a value": OK + b"a: b\x7fc\r\n" + EMPTY,
    "space before the colon": OK + b"content-length : 1\r\n\r\na",
    "space before the first header": OK + b" content-length: 1\r\n\r\na",
    "no colon": OK + b"nonsense\r\n\r\n",
    "no name": OK + b": a\r\n" + EMPTY,
    "no HTTP": b"hello world\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\n" + EMPTY,
    "status 099": b"HTTP/1.1 099 No\r\n" + EMPTY,
    "status 600": b"HTTP/1.1 600 No\r\n" + EMPTY,
    "status of four digits": b"HTTP/1.1 2000 No\r\n" + EMPTY,
    "unasked upgrade": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nabc",
    "101 without upgrade": b"HTTP/1.1 101 Switching\r\n\r\nabc",
    "unknown content-encoding": OK + b"content-encoding: br\r\n" + EMPTY,
    "two content-encodings": OK + b"content-encoding: gzip\r\ncontent-encoding: gzip\r\n" + EMPTY,
}

BROKEN_BODIES = {
    "chunk size with a sign": b"-1\r\na\r\n0\r\n\r\n",
    "chunk size with 0x": b"0x1\r\na\r\n0\r\n\r\n",
    "chunk size with a space": b"1 \r\na\r\n0\r\n\r\n",
    "chunk size ended by LF": b"1\na\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "chunk longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "LF inside a chunk extension": b"1;a\n=b\r\na\r\n0\r\n\r\n",
    "folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
}


@pytest.mark.parametrize("answer", UNTRUSTED.values(), ids=UNTRUSTED.keys())
@pytest.mark.parametrize("split", [False, True], ids=["whole", "byte by byte"])
async def test_refuses_a_head_that_cannot_be_trusted(connect: Connect, answer: bytes, split: bool) -> None:
    pieces = [answer[i : i + 1] for i in range(len(answer))] if split else [answer]
    async with RawServer(answer_with(*pieces, pause=0), answer_all) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamError) as refused:
            await client.ask()
        assert refused.value.status == 502
        assert not isinstance(refused.value, UpstreamUnreachable)
        assert await (await server.peer()).gone() < 0.1
        assert await client.ask() == b"{}"


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES.keys())
async def test_refuses_a_body_whose_framing_is_broken(connect: Connect, body: bytes) -> None:
    async with RawServer(answer_with(CHUNKED, body), answer_all) as server:
        client = connect(server.url)
        response = await client.send()
        with pytest.raises(UpstreamError) as refused:
            await response.read()
        assert refused.value.status == 502
        assert await (await server.peer()).gone() < 0.1
        assert await client.ask() == b"{}"


EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


@pytest.mark.parametrize("surplus", [EVIL, EVIL[:1], EVIL[:-1], b"evil", b"\0", b"0\r\n\r\n"])
@pytest.mark.parametrize("answer", [ANSWER, CHUNKED + chunk(b"{}") + b"0\r\n\r\n"], ids=["length", "chunked"])
@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
async def test_bytes_after_an_answer_reach_no_other_request(
    connect: Connect, answer: bytes, surplus: bytes, later: bool
) -> None:
    pieces = [answer, surplus] if later else [answer + surplus]
    async with RawServer(answer_with(*pieces, pause=0.03), answer_all) as server:
        client = connect(server.url)
        assert await client.ask() == b"{}"
        assert await (await server.peer()).gone() < 0.5
        assert await client.ask() == b"{}"
        assert [len(peer.requests) for peer in server.peers] == [1, 1]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_a_body_where_none_may_be_reaches_no_other_request(connect: Connect, status: bytes) -> None:
    answer = b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(EVIL), EVIL)
    async with RawServer(answer_with(answer), answer_all) as server:
        client = connect(server.url)
        assert await client.ask() == b""
        assert await client.ask() == b"{}"
        assert len(server.peers) == 2


async def test_an_unasked_answer_on_an_idle_connection_closes_it(connect: Connect) -> None:
    async def push(peer: Peer) -> None:
        await peer.request()
        await peer.send(ANSWER, EVIL, pause=0.03)
        await asyncio.sleep(60)

    async with RawServer(push, answer_all) as server:
        client = connect(server.url)
        await client.ask()
        assert await (await server.peer()).gone() < 0.5
        assert await client.ask() == b"{}"


def endless(start: bytes, more: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(more)

    return script


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (OK, b"x-header: value\r\n" * 50),
        (OK + b"x-header: ", b"v" * 1000),
        (OK, b"n" * 1000),
        (b"", b"HTTP/1.1 103 Hints\r\nx: y\r\n\r\n" * 50),
        (b"HTTP/1.1 200 ", b"reason" * 100),
        (b"", b"\r\n" * 500),
    ],
    ids=["headers", "one value", "one name", "interim answers", "reason", "line ends"],
)
async def test_an_endless_head_is_refused(connect: Connect, start: bytes, more: bytes) -> None:
    async with RawServer(endless(start, more)) as server:
        with pytest.raises(UpstreamError, match="header_bytes"):
            await connect(server.url, limits={"header_bytes": 8_192}).ask()
        assert await (await server.peer()).gone() < 0.1


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"0\r\n", b"x-trailer: value\r\n" * 50), (b"0\r\nx-trailer: ", b"v" * 1000), (b"1;", b"extension" * 100)],
    ids=["trailers", "one trailer", "chunk extension"],
)
async def test_endless_framing_of_a_body_is_refused(connect: Connect, start: bytes, more: bytes) -> None:
    async with RawServer(endless(CHUNKED + chunk(b"a") + start, more)) as server:
        with pytest.raises(UpstreamError, match="header_bytes"):
            await connect(server.url, limits={"header_bytes": 8_192}).ask()
        assert await (await server.peer()).gone() < 0.1


async def test_a_long_head_in_one_segment_is_refused(connect: Connect) -> None:
    answer = OK + b"x-header: value\r\n" * 1_000 + EMPTY
    async with RawServer(answer_with(answer)) as server:
        with pytest.raises(UpstreamError, match="header_bytes"):
            await connect(server.url, limits={"header_bytes": 8_192}).ask()


@pytest.mark.parametrize("at", [-2, -1, 0, 1])
async def test_a_long_body_right_after_a_head_cut_at_its_end_is_no_long_head(connect: Connect, at: int) -> None:
    head = OK + b"content-length: 50000\r\n\r\n"
    answer = head + b"x" * 50_000
    async with RawServer(answer_with(answer[: len(head) + at], answer[len(head) + at :])) as server:
        client = connect(server.url, limits={"header_bytes": 8_192})
        assert await client.ask() == b"x" * 50_000


async def test_errors_tell_nothing_of_what_was_sent(connect: Connect) -> None:
    async with RawServer(answer_with(OK + b"a: sk-secret\0\r\n" + EMPTY)) as server:
        with pytest.raises(UpstreamError) as refused:
            await connect(server.url, name="The provider 'lab'").ask()
        assert "The provider 'lab'" in refused.value.message
        for secret in ("secret", "localhost", "127.0.0.1", str(server.port)):
            assert secret not in refused.value.message
