"""Pings of Milvus' client, in frames of HTTP/2 (https://www.rfc-editor.org/rfc/rfc9113#section-6.7)."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from adapters.vector_io.milvus.lite import Lite
from tests.adapters.vector_io.openers.milvus_lite import shared
from tests.upstream.script import PATIENCE

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _PING, _GOAWAY = 4, 6, 7
_ACK = 1


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """One to a Milvus Lite that serves."""
    address = Lite(shared()).address().removeprefix("unix:")
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(address)
        connection.sendall(_PREFACE + _frame(_SETTINGS, 0))
        yield connection


def test_whoever_pings_often_is_not_hung_up_on(connection: socket.socket) -> None:
    for number in range(50):
        data = number.to_bytes(8, "big")
        connection.sendall(_frame(_PING, 0, data))
        answer = _next(connection)
        while (answer[0], answer[1]) != (_PING, _ACK):
            assert answer[0] != _GOAWAY, (number, answer)
            answer = _next(connection)
        assert answer[2] == data


def _frame(kind: int, flags: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + bytes(4) + payload


def _next(connection: socket.socket) -> tuple[int, int, bytes]:
    """The type of a frame, its flags and what is in it."""
    head = _exactly(connection, 9)
    return head[3], head[4], _exactly(connection, int.from_bytes(head[:3], "big"))


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, "it hung up"
        data += piece
    return data
