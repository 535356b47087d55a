"""The server: plays scripts over raw sockets, in a thread and an event loop of its own."""

import asyncio
import contextlib
import itertools
import json
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, cast

from tests.upstream import dialects, model
from tests.upstream.script import PATIENCE, Cut, Gate, Hang, Pause, Reset, Script, Step, Write

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Request:
    """What the upstream was sent, byte for byte."""

    head: bytes
    """Request line and headers, without the empty line."""
    body: bytes
    connection: int
    """Number of the connection it came in on."""
    _closed: threading.Event = field(default_factory=threading.Event)
    _closed_at: float = 0.0

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, and values."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def header(self, name: str) -> str | None:
        """The value of a header, None where it is absent; a repeated one is an error."""
        values = [value for each, value in self.headers if each == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def closed_at(self) -> float:
        """When the other side closed this request's connection (`time.monotonic`); waits for it."""
        assert self._closed.wait(PATIENCE), "the gateway kept the connection open"
        return self._closed_at

    @property
    def is_closed(self) -> bool:
        """Whether the other side has closed this request's connection."""
        return self._closed.is_set()

    def note_closed(self) -> None:
        """The other side closed."""
        if not self._closed.is_set():
            self._closed_at = time.monotonic()
            self._closed.set()


class Case:
    """One script, under a model name of its own, and the requests that asked for it."""

    def __init__(self, name: str, script: Script) -> None:
        self.name = name
        """The model's name at the upstream."""
        self.script = script
        self.requests: list[Request] = []
        self._arrived: queue.Queue[Request] = queue.Queue()

    @property
    def model(self) -> str:
        """The model's name for a client of a gateway that calls this upstream `scripted`."""
        return f"scripted/{self.name}"

    def arrived(self, request: Request) -> None:
        """Record a request."""
        self.requests.append(request)
        self._arrived.put(request)

    def request(self) -> Request:
        """The next request that came, waiting for it."""
        try:
            return self._arrived.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no request for {self.name} reached the upstream") from None

    def forget(self) -> None:
        """Begin anew: what has come so far was not meant."""
        self.requests.clear()
        self._arrived = queue.Queue()


class Upstream:
    """Answers each request by the script of its model, or as the scripted model where there is none."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.connections = itertools.count()
        self._tls = tls
        self.unscripted: list[Request] = []
        """Requests that the scripted model answered."""
        self.faults: list[Exception] = []
        """What went wrong in scripts."""
        self._cases: dict[str, Case] = {}
        self._names = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted upstream", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> "Upstream":
        """Start."""
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and cut what is open."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        assert not self.faults, self.faults

    @property
    def base_url(self) -> str:
        """What a provider's `base_url` should be."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def on(self, script: Script | Iterable[Step]) -> Case:
        """Give a script to a model that is made for it."""
        name = f"case-{next(self._names)}"
        steps = script if callable(script) else tuple(script)
        case = Case(name, steps if callable(steps) else lambda _: steps)
        self._cases[name] = case
        return case

    def script_for(self, request: Request) -> Iterable[Step]:
        """Find the script that answers a request, and record it."""
        case = self._cases.get(_model_of(request))
        if case is None:
            self.unscripted.append(request)
            service = dialects.service_of(request)
            return dialects.answer(service, request) if service else model.answer(request)
        case.arrived(request)
        return case.script(request)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        made = self._loop.create_server(lambda: _Peer(self), "127.0.0.1", 0, ssl=self._tls)
        server = self._loop.run_until_complete(made)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()


class _Peer(asyncio.Protocol):
    """One connection: cuts requests out of what comes in, and answers them one after the other."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._number = next(upstream.connections)
        self._buffer = b""
        self._current: Request | None = None
        self._playing: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def eof_received(self) -> None:
        self._left()

    def connection_lost(self, error: Exception | None) -> None:
        self._left()
        if self._playing is not None:
            self._playing.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _left(self) -> None:
        if self._current is not None:
            self._current.note_closed()

    def _next(self) -> None:
        if self._playing is not None and not self._playing.done():
            return
        request = self._cut_request()
        if request is not None:
            self._current = request
            self._playing = asyncio.get_running_loop().create_task(self._answer(request))

    def _cut_request(self) -> Request | None:
        """The next whole request of the buffer. Its body must have a declared length: the gateway sends no other."""
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return None
        request = Request(head, b"", self._number)
        length = int(request.header("content-length") or 0)
        if len(rest) < length:
            return None
        request.body = rest[:length]
        self._buffer = rest[length:]
        return request

    async def _answer(self, request: Request) -> None:
        try:
            for step in self._upstream.script_for(request):
                await self._play(step)
        except Exception as error:  # noqa: BLE001 - told at the end of the tests
            self._upstream.faults.append(error)
            self._transport.abort()
        self._playing = None
        self._next()

    async def _play(self, step: Step) -> None:
        match step:
            case Write(data):
                self._transport.write(data)
                await self._writable.wait()
                await asyncio.sleep(0)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Gate():
                await step.pass_through()
            case Hang():
                await asyncio.Event().wait()
            case Cut():
                self._transport.close()
            case Reset():
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._transport.abort()


def _model_of(request: Request) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(request.json["model"])
    return ""
