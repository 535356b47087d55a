"""Asks a model's process the way the gateway does: through the dialect's codecs, over its Unix socket."""

import asyncio
import glob
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from msgspec import Raw

from adapters.inference.contract import Adapter, Answer, Target
from adapters.wire.body import parse
from config.schema import Operation, Provider


class Model:
    """One model at its socket."""

    def __init__(self, adapter: Adapter, name: str, base_url: str) -> None:
        self.adapter = adapter
        self.socket = base_url.removeprefix("unix://")
        self.target = Target(
            "local", name, Raw(msgspec.json.encode(name)), Provider(dialect="local"), adapter.options()
        )
        self.client = _client(self.socket)
        self._inner = _client(next(glob.iglob(f"{glob.escape(self.socket)}.*.sock"), ""))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self._inner.aclose()

    async def ask(self, operation: Operation, **fields: Any) -> dict[str, Any]:
        """The decoded answer. Raises what the dialect makes of a refusal."""
        answer = await self.answer(operation, **fields)
        told: dict[str, Any] = json.loads(answer.body)
        return told

    async def answer(self, operation: Operation, **fields: Any) -> Answer:
        """The answer as the gateway gets it."""
        response = await self.send(operation, **fields)
        body = parse(json.dumps({"model": "local/x", **fields}).encode())
        return self.adapter.codecs[operation].decode(response.content, self.target, body)

    async def stream(self, operation: Operation, **fields: Any) -> list[dict[str, Any]]:
        """The chunks that a client sees. Raises what the dialect makes of a refusal."""
        raw = json.dumps({"model": "local/x", "stream": True, **fields}).encode()
        response = await self.send(operation, stream=True, **fields)
        decoder = self.adapter.codecs[operation].stream(self.target, parse(raw))
        frames = decoder.feed(response.content) + decoder.close()
        if decoder.error is not None:
            raise decoder.error
        *events, last = [frame.removeprefix(b"data: ") for frame in frames.split(b"\n\n") if frame]
        assert last == b"[DONE]"
        return [json.loads(event) for event in events]

    async def send(self, operation: Operation, **fields: Any) -> httpx.Response:
        """The process's own answer. Raises what the dialect makes of a refusal."""
        url, content = self.request(operation, **fields)
        response = await self.client.post(url, content=content)
        if response.status_code > 299:
            headers = [(name.lower(), value) for name, value in response.headers.raw]
            raise self.adapter.explain(response.status_code, headers, response.content)
        return response

    def request(self, operation: Operation, **fields: Any) -> tuple[str, bytes]:
        """URL and body of a request."""
        body = parse(json.dumps({"model": "local/x", **fields}).encode())
        codec = self.adapter.codecs[operation]
        return codec.url(self.target, body), codec.encode(body, self.target).body

    async def busy_slots(self) -> int:
        """How many of llama.cpp's slots compute."""
        return sum(slot["is_processing"] for slot in (await self._inner.get("/slots")).json())

    async def prompt(self, **fields: Any) -> str:
        """What the model sees of messages."""
        text: str = (await self._inner.post("/apply-template", json=fields)).json()["prompt"]
        return text


async def eventually(claim: Callable[[], Awaitable[bool]], seconds: float = 10, every: float = 0.02) -> None:
    """Wait until a claim is true; fail where it does not become so in time."""
    for _ in range(round(seconds / every)):
        if await claim():
            return
        await asyncio.sleep(every)
    raise AssertionError(f"not so after {seconds} seconds")


def user(text: str) -> list[dict[str, str]]:
    """A chat of one message."""
    return [{"role": "user", "content": text}]


def _client(socket: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=socket), base_url="http://localhost", timeout=httpx.Timeout(60)
    )
