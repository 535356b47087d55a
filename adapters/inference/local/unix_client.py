"""HTTP/1.1 over a Unix socket, from the asking side: one connection a request, closed when the request is left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httptools

_CHUNK = 65_536


class Answer:
    """What came back: its status, and its body as it comes in. Raises ConnectionError where it ends too early."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.status = 0
        self._reader = reader
        self._parser = httptools.HttpResponseParser(self)
        self._received: list[bytes] = []
        self._complete = False

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._received.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._complete = True

    async def begin(self) -> None:
        """Wait for the head."""
        while not self.status:
            await self._more()

    async def read(self) -> bytes:
        """The whole body."""
        while not self._complete:
            await self._more()
        return b"".join(self._received)

    async def lines(self) -> AsyncIterator[bytes]:
        """The body's lines, without their ends."""
        rest = b""
        while self._received or not self._complete:
            if not self._received:
                await self._more()
            *lines, rest = (rest + b"".join(self._received)).split(b"\n")
            self._received.clear()
            for line in lines:
                yield line

    async def _more(self) -> None:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise ConnectionError("The answer ended too early.")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ConnectionError(f"The answer is not HTTP: {error}") from None


@contextlib.asynccontextmanager
async def request(socket: str, method: str, path: str, body: bytes = b"") -> AsyncIterator[Answer]:
    """Ask, and give the answer once its head is there; leaving the context closes the connection."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n"
        writer.write(b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body))
        answer = Answer(reader)
        await answer.begin()
        yield answer
    finally:
        writer.close()
