"""Answers cut anywhere mean the same: the parser against a real socket that stays silent, fed by the test."""

import asyncio
import socket
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.wire.errors import UpstreamError
from config.schema import Limits
from gateway.upstream.connection import Connection
from gateway.upstream.response import Response
from tests.gateway.upstream.raw_server import chunk

names = st.from_regex(rb"[a-z][a-z0-9-]{0,8}", fullmatch=True).filter(
    lambda name: name not in (b"content-length", b"transfer-encoding", b"content-encoding", b"connection", b"upgrade")
)
values = st.from_regex(rb"([!-~]([ -~]{0,10}[!-~])?)?", fullmatch=True)
headers = st.lists(st.tuples(names, values), max_size=5)
bodies = st.lists(st.binary(min_size=1, max_size=30), max_size=4)


def render(status: int, fields: list[tuple[bytes, bytes]], pieces: list[bytes], chunked: bool) -> bytes:
    lines = [b"HTTP/1.1 %d Whatever" % status, *(b"%b: %b" % field for field in fields)]
    if chunked:
        body = b"".join(chunk(piece) for piece in pieces) + b"0\r\n\r\n"
        lines.append(b"transfer-encoding: chunked")
    else:
        body = b"".join(pieces)
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


async def fed(pieces: list[bytes]) -> tuple[Response, list[Connection]]:
    """What a response holds after these bytes, and the connection when it is free again."""
    loop = asyncio.get_running_loop()
    free: list[Connection] = []
    near, far = socket.socketpair()
    with far:
        near.setblocking(False)
        make = lambda: Connection("The provider", Limits(), free.append, lambda _: None)  # noqa: E731
        transport, connection = await loop.create_connection(make, sock=near)
        response = Response(connection, 1_000_000, loop.create_future(), loop.time())
        connection.begin(response, b"POST / HTTP/1.1\r\n", b"{}")
        for piece in pieces:
            connection.data_received(piece)
        transport.abort()
    return response, free


def cut(data: bytes, marks: list[int]) -> list[bytes]:
    edges = [0, *sorted(mark % (len(data) + 1) for mark in marks), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@settings(max_examples=150, deadline=None)
@given(st.integers(200, 599), headers, bodies, st.booleans(), st.lists(st.integers(0, 10_000), max_size=12))
async def test_an_answer_cut_anywhere_is_the_same_answer(
    status: int, fields: list[tuple[bytes, bytes]], pieces: list[bytes], chunked: bool, marks: list[int]
) -> None:
    if status in (204, 304):
        pieces, chunked = [], False
    response, free = await fed(cut(render(status, fields, pieces, chunked), marks))
    assert (response.status, response.ended, response.error) == (status, True, None)
    assert response.headers[: len(fields)] == fields
    assert await response.read() == b"".join(pieces)
    assert len(free) == 1


@settings(max_examples=150, deadline=None)
@given(headers, bodies, st.booleans(), st.integers(1, 10_000), st.lists(st.integers(0, 10_000), max_size=6))
async def test_an_answer_that_lacks_bytes_is_never_whole(
    fields: list[tuple[bytes, bytes]], pieces: list[bytes], chunked: bool, lack: int, marks: list[int]
) -> None:
    whole = render(200, fields, pieces, chunked)
    response, free = await fed(cut(whole[: -1 - lack % (len(whole) - 1)], marks))
    assert not response.ended
    assert free == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=6))
async def test_noise_is_refused_or_waited_for_and_never_raises(noise: bytes, marks: list[int]) -> None:
    response, _ = await fed(cut(b"HTTP/1.1 200 OK\r\n" + noise, marks))
    assert response.error is None or isinstance(response.error, UpstreamError)


@settings(max_examples=100, deadline=None)
@given(bodies, st.booleans(), st.binary(min_size=1, max_size=60), st.lists(st.integers(0, 10_000), max_size=6))
async def test_whatever_follows_an_answer_is_not_part_of_it(
    pieces: list[bytes], chunked: bool, surplus: bytes, marks: list[int]
) -> None:
    response, free = await fed([render(200, [], pieces, chunked) + surplus])
    assert response.ended
    assert await response.read() == b"".join(pieces)
    assert free == [] or surplus.strip(b"\r\n") == b""
