"""A client over a plain socket: sends any bytes, and reads answers with every boundary kept."""

import json
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.conftest import KEY
from tests.upstream.script import PATIENCE, frame

CHUNK = frame({"choices": [{"index": 0, "delta": {"content": "a"}}]})
"""A piece of an answer: what lets a stream begin."""


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """A header's value, None where it is absent; a repeated one is an error."""
        values = [value for each, value in self.headers if each == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass(frozen=True)
class Answer(Head):
    """A whole answer."""

    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The error it tells, which must have OpenAI's shape."""
        error = self.json["error"]
        assert {"message", "type", "param", "code"} <= error.keys()
        assert isinstance(error["message"], str)
        assert error["message"]
        return error


class RawClient:
    """One connection to the gateway."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> "RawClient":
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def post(self, body: Any, path: str = "/v1/chat/completions", **headers: str) -> None:
        """Send a request with a body, JSON unless it is bytes."""
        self.send(request(body, path, **headers))

    def head(self) -> Head:
        """The next answer's status and headers."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        return Head(int(lines[0].split(" ")[1]), headers)

    def chunks(self) -> Iterator[bytes]:
        """The chunks of a chunked body, each as it was sent, up to its end."""
        while size := int(self._until(b"\r\n"), 16):
            data = self._exactly(size + 2)
            assert data.endswith(b"\r\n")
            yield data[:-2]
        assert self._exactly(2) == b"\r\n"

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer, whole."""
        head = self.head()
        if to_head or head.status in (100, 204, 304):
            body = b""
        elif head.header("transfer-encoding") == "chunked":
            body = b"".join(self.chunks())
        else:
            body = self._exactly(int(head.header("content-length") or "0"))
        return Answer(head.status, head.headers, body)

    def rest(self) -> bytes:
        """Everything up to the gateway's closing."""
        data, self._buffer = self._buffer, b""
        while more := self.socket.recv(65_536):
            data += more
        return data

    def has_answer(self) -> bool:
        """Whether something has come by now."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def is_closed(self) -> bool:
        """Whether the gateway closes now, without another byte; waits for it."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        before, _, self._buffer = self._buffer.partition(mark)
        return before

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError(f"the gateway closed the connection after {self._buffer!r}")
        self._buffer += data


def request(body: Any, path: str = "/v1/chat/completions", **headers: str) -> bytes:
    """The bytes of a POST with the key that may do everything; headers as keywords, `_` for `-`, empty for none."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "host": "gateway",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "content-length": str(len(raw)),
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + raw


def chat(model: str, **extra: Any) -> dict[str, Any]:
    """A small chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "Hello there"}], **extra}


def ask(port: int, body: Any, path: str = "/v1/chat/completions", **headers: str) -> Answer:
    """Send one request over a connection of its own."""
    with RawClient(port) as client:
        client.post(body, path, **headers)
        return client.answer()
