"""What tests of the cache share: a clock that they move, and a handler that counts what it is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
from msgspec import Raw

from adapters.inference.contract import NoOptions, StreamDecoder, Target, error_frame
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.caching import Cache as Settings
from config.routing import Deployment, Model
from config.schema import Operation, Provider
from gateway.auth import Caller
from gateway.call import Call, Reply, Stream
from gateway.inside import Inside
from gateway.layers.cache.layer import Cache
from gateway.layers.cache.semantic import Semantic
from gateway.observe.counters import Counters
from gateway.relay import relay
from gateway.route import Route
from gateway.state.cache.contract import Store
from gateway.state.cache.kept import Kept
from gateway.state.cache.similar import Similar
from gateway.upstream.pool import Response
from tests.gateway.calls import a_call
from tests.upstream.script import PATIENCE

ALICE = Caller("alice-key", ["*"], owner="alice")
BOB = Caller("bob-key", ["*"], owner="bob")
USAGE = Usage(prompt_tokens=3, completion_tokens=5)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Kitchen:
    """Cooks answers, each with a number of its own, and counts the orders."""

    def __init__(self) -> None:
        self.orders: list[Call] = []
        self.fault: Exception | None = None
        self.body: bytes | None = None
        self.chunks: list[bytes] | None = None
        self.finish = "stop"
        self.gate: asyncio.Event | None = None

    async def __call__(self, call: Call) -> Reply:
        assert call.route is not None
        self.orders.append(call)
        number = len(self.orders)
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        attempt = call.begin(call.route.targets[0], "first", 0.0)
        headers = [(b"x-request-id", call.request_id), (b"x-isthmus-provider", b"lab"), (b"x-ratelimit-limit", b"1")]
        if call.body.stream and call.generates:
            chunks = self.chunks or a_stream(f"answer {number}", self.finish)
            decoder, response = _Decoder(), _Response(chunks[1:])
            stream = Stream(chunks[0], cast(StreamDecoder, decoder), cast(Response, response), error_frame, attempt)
            return Reply(200, headers, stream=stream)
        call.usage = attempt.usage = USAGE
        return Reply(200, headers, self.body or an_answer(f"answer {number}", self.finish))


class _Decoder:
    usage: Usage | None = USAGE
    owes_usage = False

    def __init__(self) -> None:
        self.error: GatewayError | None = None

    def feed(self, data: bytes) -> bytes:
        if data == b"bad":
            self.error = GatewayError("Told inside.")
        return data

    def close(self, counted: Usage | None = None) -> bytes:
        return b"data: [DONE]\n\n"


class _Response:
    at_end = False

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = list(chunks)

    async def chunk(self) -> bytes:
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if chunk == b"hang":
            await asyncio.Event().wait()
        return chunk

    def close(self) -> None:
        pass


class Client:
    """Hears an answer."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
        else:
            self.pieces.append(message["body"])

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def cache(self) -> bytes | None:
        return self.headers.get(b"x-isthmus-cache")


class Place:
    """A cache before a kitchen, and clients that ask it."""

    def __init__(
        self,
        kitchen: Kitchen | None = None,
        store: Store | None = None,
        entry_bytes: int = 65_536,
        **settings: Any,
    ) -> None:
        self.kitchen = kitchen or Kitchen()
        self.clock = Clock()
        self.kept = Kept(self.clock)
        self.kept.answers.resize(1_000_000)
        self.counters = Counters()
        self.running = 0
        self.inside = Inside(_no_count, self._enter, self._leave)
        self.route = a_route(**settings)
        self.similar = Similar(1_000_000)
        self.layer = Cache(
            self.kitchen,
            store or self.kept.answers,
            entry_bytes,
            self.inside,
            self.counters,
            Semantic(self.similar, self.inside, self.counters),
            self.clock,
        )
        self.inside.handler = self._choose

    async def ask(
        self,
        fields: dict[str, Any] | None = None,
        *,
        caller: Caller = ALICE,
        operation: Operation = "chat",
        cache_control: bytes | None = None,
        send: Callable[[Any], Awaitable[None]] | None = None,
        **more: Any,
    ) -> Client:
        """Ask as a client does, to the end. Raises what it would be told."""
        call = self.call(fields, caller=caller, operation=operation, cache_control=cache_control, **more)
        client = Client()
        await self.serve(call, send or client)
        return client

    def call(
        self,
        fields: dict[str, Any] | None = None,
        *,
        caller: Caller = ALICE,
        operation: Operation = "chat",
        cache_control: bytes | None = None,
        **more: Any,
    ) -> Call:
        """A call that nobody has answered."""
        fields = fields or {"messages": [{"role": "user", "content": "hi"}]}
        call = a_call(operation, caller, **(fields | more))
        if cache_control is not None:
            call.client_headers[b"cache-control"] = cache_control
        return call

    async def serve(self, call: Call, send: Callable[[Any], Awaitable[None]]) -> None:
        """What a door does."""
        try:
            await relay(call, await self._choose(call), send, _no_count)
        finally:
            call.close()

    async def _choose(self, call: Call) -> Reply:
        call.route = self.route
        return await self.layer(call)

    def _enter(self) -> None:
        self.running += 1

    def _leave(self) -> None:
        self.running -= 1


def a_route(**settings: Any) -> Route:
    target = Target("lab", "llama", Raw(b'"llama"'), Provider(base_url="http://lab/v1"), NoOptions())
    cache = Settings(**settings) if settings != {"off": True} else None
    deployments = [Deployment(provider="lab", model="llama")]
    return Route("m", Model(deployments=deployments, cache=cache), (target,), (None,))


def an_answer(text: str | None, finish: str = "stop", **message: Any) -> bytes:
    said = {"role": "assistant", "content": text, "refusal": None, **message}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
    return msgspec.json.encode(
        {"id": "c-1", "object": "chat.completion", "created": 1, "model": "llama", "choices": [choice]}
    )


def a_stream(text: str, finish: str | None = "stop") -> list[bytes]:
    """Its frames, without the end that a decoder adds."""
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in text.split(" ")]
    if finish is not None:
        deltas.append(({}, finish))
    return [_frame(delta, end) for delta, end in deltas]


def _frame(delta: dict[str, Any], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "llama", "choices": [choice]}
    return b"data: %b\n\n" % msgspec.json.encode(chunk)


async def _no_count(call: Call) -> Usage:
    return USAGE


async def until(holds: Callable[[], bool]) -> None:
    """Let others run until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0)
