"""Bytes to the gateway, and the answers that come back until it closes: each judged, none trusted."""

import contextlib
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

import httptools

from tests.upstream.script import PATIENCE

_QUIET = 0.05
"""Seconds without a byte after which the client says that it has nothing more to send."""


@dataclass
class Answer:
    """One answer, whole or as far as it came."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False


class _Reader:
    """Callbacks of httptools' parser: the answers in a row of bytes."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        self.answers.append(Answer())

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answers[-1].headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.answers[-1].status = self.parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        self.answers[-1].body += part

    def on_message_complete(self) -> None:
        self.answers[-1].whole = True


def exchange(port: int, pieces: Iterable[bytes]) -> list[Answer]:
    """Send bytes, end the sending, and read until the gateway closes, which must come to pass."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client, contextlib.suppress(ConnectionError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):  # what was said before it closed is still to be read
            for piece in pieces:
                client.sendall(piece)
        client.settimeout(_QUIET)
        while data := _more(client):
            received += data
    return answers_in(received)


def _more(client: socket.socket) -> bytes:
    try:
        return client.recv(65_536)
    except TimeoutError:
        client.shutdown(socket.SHUT_WR)
        client.settimeout(PATIENCE)
        return client.recv(65_536)


def answers_in(received: bytes) -> list[Answer]:
    """The answers in what a connection brought; other bytes than answers are an error."""
    reader = _Reader()
    if received:
        reader.parser.feed_data(received)
    return [answer for answer in reader.answers if answer.status != 100]


def assert_proper(answer: Answer) -> None:
    """An answer is known by its id, and whole unless its client left; an error has OpenAI's shape."""
    assert answer.whole or answer.status == 200
    assert answer.headers[b"x-request-id"]
    if answer.status >= 400:
        assert answer.headers[b"content-type"] == b"application/json"
        error = json.loads(answer.body)["error"]
        assert isinstance(error["message"], str)
        assert isinstance(error["type"], str)
        assert b"x-isthmus-provider" in answer.headers or error.keys() >= {"message", "type", "param", "code"}
