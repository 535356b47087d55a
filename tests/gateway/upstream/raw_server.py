"""A server of raw bytes: a test scripts what each connection does, and sees when its peer has gone."""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Reader(asyncio.StreamReader):
    """Tells when its peer closed, whoever reads."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.closed.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.closed.set()


class Peer:
    """One connection, from the server's side."""

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._requested = asyncio.Event()
        self.requests: list[bytes] = []

    async def request(self) -> bytes:
        """The next whole request. Raises IncompleteReadError when the peer goes."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await self._reader.readexactly(length)
        self.requests.append(request)
        self._requested.set()
        return request

    async def request_came(self) -> None:
        """Wait until a request is in; the script takes it."""
        async with asyncio.timeout(2):
            await self._requested.wait()

    async def send(self, *pieces: bytes, pause: float = 0.005) -> None:
        """Send each piece in a segment of its own."""
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause)
            self._writer.write(piece)
            await self._writer.drain()

    async def gone(self) -> float:
        """Wait for the peer to close, for at most two seconds; how long that took, in seconds."""
        started = time.monotonic()
        async with asyncio.timeout(2):
            await self._reader.closed.wait()
        return time.monotonic() - started

    async def pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends."""
        ways = [asyncio.ensure_future(way) for way in (_carry(self._reader, writer), _carry(reader, self._writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            writer.close()

    def alpn(self) -> str | None:
        """The protocol that TLS agreed on."""
        chosen: str | None = self._writer.get_extra_info("ssl_object").selected_alpn_protocol()
        return chosen

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Close with an RST instead of a FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def buffer_little(self) -> None:
        """Hold back what the peer does not take, so that a paused peer is felt here."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        self._writer.transport.set_write_buffer_limits(high=16_384)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


Script = Callable[[Peer], Awaitable[None]]


async def answer_all(peer: Peer) -> None:
    """Answer every request at once, for ever."""
    while True:
        await peer.request()
        await peer.send(ANSWER)


def answer_with(*pieces: bytes, pause: float = 0.005) -> Script:
    """Answer every request with these segments."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*pieces, pause=pause)

    return script


class RawServer:
    """Runs a script for every connection; with several, the first connection gets the first, and the last goes on."""

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        path: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._scripts = scripts
        self._tls = tls
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()
        self.peers: list[Peer] = []
        self._host = host
        self.port = port

    @property
    def url(self) -> str:
        if self._path is not None:
            return f"unix://{self._path}/v1/chat/completions"
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}/v1/chat/completions"

    async def peer(self, number: int = 0) -> Peer:
        """The connection of that number, once it is there."""
        async with asyncio.timeout(2):
            while len(self.peers) <= number:
                self._arrived.clear()
                await self._arrived.wait()
        return self.peers[number]

    def _protocol(self) -> asyncio.Protocol:
        reader = _Reader()
        return asyncio.StreamReaderProtocol(reader, lambda _, writer: self._serve(reader, writer))

    async def _serve(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
        peer = Peer(reader, writer)
        self.peers.append(peer)
        self._arrived.set()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the peer left, or the test is over
        finally:
            writer.close()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if self._path is not None:
            self._server = await loop.create_unix_server(self._protocol, self._path)
        else:
            self._server = await loop.create_server(self._protocol, self._host, self.port, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
