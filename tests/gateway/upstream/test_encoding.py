"""gzip and deflate, cut anywhere, chained, broken and malicious."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import UpstreamError, UpstreamUnreachable
from gateway.upstream.encoding import PIECE, Decoder, UnknownCoding, decoder_for
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import CHUNKED, END, RawServer, answer_with, chunk


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"GZIP": gzip.compress,
    b"deflate": zlib.compress,
    b"deflate ": raw_deflate,
}


def decode(coding: bytes, *pieces: bytes) -> bytes:
    decoder = decoder_for(coding)
    assert decoder is not None
    out = b""
    for piece in pieces:
        decoder.feed(piece)
        while data := decoder.pending():
            assert len(data) <= PIECE
            out += data
    decoder.finish()
    return out


def cut(data: bytes, at: list[int]) -> list[bytes]:
    marks = [0, *sorted(at), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


@given(st.data())
@pytest.mark.parametrize("coding", ENCODERS)
def test_decodes_what_is_cut_anywhere(coding: bytes, data: st.DataObject) -> None:
    plain = data.draw(st.binary(max_size=300))
    encoded = ENCODERS[coding](plain)
    marks = data.draw(st.lists(st.integers(0, len(encoded)), max_size=6))
    assert decode(coding, *cut(encoded, marks)) == plain


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_decodes_gzip_of_several_members(plains: list[bytes], marks: list[int]) -> None:
    encoded = b"".join(gzip.compress(plain) for plain in plains)
    assert decode(b"gzip", *cut(encoded, [min(mark, len(encoded)) for mark in marks])) == b"".join(plains)


def test_gives_what_a_flushed_piece_holds_at_once() -> None:
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    decoder = Decoder(gzip=True)
    for frame in (b"data: one\n\n", b"data: two\n\n"):
        decoder.feed(compressor.compress(frame) + compressor.flush(zlib.Z_SYNC_FLUSH))
        assert decoder.pending() == frame
        assert decoder.pending() == b""


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 77])
def test_gives_long_bodies_in_pieces(size: int) -> None:
    assert decode(b"gzip", gzip.compress(b"x" * size)) == b"x" * size


@pytest.mark.parametrize("coding", [b"", b"identity", b" Identity "])
def test_identity_needs_no_decoder(coding: bytes) -> None:
    assert decoder_for(coding) is None


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip", b"compress"])
def test_refuses_codings_that_nobody_asked_for(coding: bytes) -> None:
    with pytest.raises(UnknownCoding):
        decoder_for(coding)


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        (b"gzip", b"plain text, no gzip"),
        (b"gzip", gzip.compress(b"abc") + b"garbage after it"),
        (b"gzip", gzip.compress(b"abc")[:-8] + b"\0" * 8),
        (b"deflate", b"\xff\xff\xff\xff"),
        (b"deflate", zlib.compress(b"abc") + b"more"),
    ],
    ids=["plain", "more-after-gzip", "wrong-sum", "no-deflate", "more-after-deflate"],
)
def test_refuses_what_is_not_so_encoded(coding: bytes, encoded: bytes) -> None:
    with pytest.raises(UpstreamError, match="content-encoding"):
        decode(coding, encoded)


@pytest.mark.parametrize("cut_off", [1, 8, 12])
def test_a_body_that_ends_inside_its_encoding_is_cut_short(cut_off: int) -> None:
    with pytest.raises(UpstreamUnreachable, match="cut short"):
        decode(b"gzip", gzip.compress(b"abcdefgh")[:-cut_off])


@pytest.mark.parametrize("end", [(b"",), (b"x",)])
def test_one_byte_of_deflate_is_cut_short(end: tuple[bytes, ...]) -> None:
    if end == (b"",):
        assert decode(b"deflate", *end) == b""
    else:
        with pytest.raises(UpstreamUnreachable):
            decode(b"deflate", *end)


async def test_an_encoded_answer_is_read_decoded(connect: Connect) -> None:
    encoded = gzip.compress(b'{"a":1}')
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(encoded)
    async with RawServer(answer_with(head + encoded)) as server:
        client = connect(server.url)
        assert [await client.ask(), await client.ask()] == [b'{"a":1}'] * 2
        assert len(server.peers) == 1


async def test_an_encoded_stream_comes_out_as_it_comes_in(connect: Connect) -> None:
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    frames = [b"data: one\n\n", b"data: two\n\n"]
    pieces = [chunk(compressor.compress(frame) + compressor.flush(zlib.Z_SYNC_FLUSH)) for frame in frames]
    head = CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n"
    async with RawServer(answer_with(head, *pieces, chunk(compressor.flush()), END, pause=0.03)) as server:
        response = await connect(server.url).send()
        assert [await response.chunk() for _ in range(3)] == [*frames, b""]


async def test_a_bomb_is_stopped_at_the_limit(connect: Connect) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with RawServer(answer_with(head + bomb)) as server:
        with pytest.raises(UpstreamError, match=r"limits\.answer_bytes"):
            await connect(server.url, limits={"answer_bytes": 1_000_000}).ask()


async def test_a_stream_gives_a_bomb_in_bounded_pieces(connect: Connect) -> None:
    bomb = gzip.compress(b"\0" * 5_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with RawServer(answer_with(head + bomb)) as server:
        response = await connect(server.url).send()
        sizes = []
        while data := await response.chunk():
            sizes.append(len(data))
        assert max(sizes) <= PIECE
        assert sum(sizes) == 5_000_000


async def test_others_have_their_turns_while_a_long_body_is_decoded(connect: Connect) -> None:
    encoded = gzip.compress(b"\0" * 20_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(encoded)
    async with RawServer(answer_with(head + encoded)) as server:
        response = await connect(server.url).send()
        await asyncio.sleep(0.05)  # all of it is in
        reading = asyncio.create_task(response.read())
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 20_000_000 // PIECE


@pytest.mark.parametrize("pieces", [(), (b"more",)])
async def test_an_encoded_stream_that_breaks_closes_the_connection(connect: Connect, pieces: tuple[bytes, ...]) -> None:
    head = CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n"
    async with RawServer(answer_with(head, chunk(b"no gzip"), *[chunk(piece) for piece in pieces])) as server:
        response = await connect(server.url).send()
        with pytest.raises(UpstreamError, match="content-encoding"):
            await response.chunk()
        assert await (await server.peer()).gone() < 0.1
