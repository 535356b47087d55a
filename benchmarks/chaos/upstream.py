"""The providers of the chaos run: they speak OpenAI's dialect, and misbehave as they are told.

Every answer can be checked by whoever asked: its text is made from the prompt, and carries a number that no other
answer has.
"""

import asyncio
import hashlib
import itertools
import json
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Fault: TypeAlias = Literal["error", "limited", "stall", "drip", "garbage", "cut", "reset", "half_close"]
FAULTS: tuple[Fault, ...] = ("error", "limited", "stall", "drip", "garbage", "cut", "reset", "half_close")

_WORDS = 12
_STALL_SECONDS = 20.0
_DRIP_SECONDS = 0.05
_DIMENSIONS = 8
_NO_LINGER = struct.pack("ii", 1, 0)


def text_for(prompt: str) -> str:
    """What a model answers to a prompt, apart from the number in front."""
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    return " ".join(digest[index * 5 : index * 5 + 5] for index in range(_WORDS))


def vector_for(text: str) -> list[float]:
    """The embedding of a text."""
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:_DIMENSIONS]]


@dataclass
class Provider:
    """One provider: how often it fails, and what it was asked."""

    name: str
    fault_share: float = 0.0
    faults: tuple[Fault, ...] = FAULTS
    down: bool = False
    """It accepts no connection."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by their x-request-id."""
    played: Counter[str] = field(default_factory=Counter)
    """Answers by fault."""


class Upstream:
    """All providers, each at a path of its own."""

    def __init__(self, names: tuple[str, ...], seed: int) -> None:
        self.providers = {name: Provider(name) for name in names}
        self.port = 0
        self._serial = itertools.count(1)
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Upstream":
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop, whatever is still under way."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; give whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        provider = self.providers[head[0].split("/")[1]]
        provider.asked[headers["x-request-id"]] += 1
        if provider.down:
            return _reset(writer)
        fault = self._random.choice(provider.faults) if self._random.random() < provider.fault_share else None
        provider.played[fault or "none"] += 1
        answer = self._frames(body, next(self._serial))
        return await self._play(fault, answer, bool(body.get("stream")), writer)

    def _frames(self, body: dict[str, Any], serial: int) -> list[bytes]:
        """A stream's frames, or a whole answer as the only one."""
        if "input" in body:
            return [_embeddings(body)]
        prompt = body["messages"][-1]["content"]
        if not isinstance(prompt, str):
            prompt = "".join(part["text"] for part in prompt)
        text = f"{serial}: {text_for(prompt)}"
        return _stream(body, text, serial) if body.get("stream") else [_completion(body, text, serial)]

    async def _play(
        self, fault: Fault | None, frames: list[bytes], streamed: bool, writer: asyncio.StreamWriter
    ) -> bool:
        match fault:
            case "error":
                writer.write(_whole(500, _error("The server had an error.", "server_error")))
            case "limited":
                writer.write(_whole(429, _error("Slow down.", "rate_limit_error"), "retry-after: 1\r\n"))
            case "garbage":
                writer.write(_whole(200, b"<html>All is well</html>"))
            case "reset":
                return _reset(writer)
            case "stall":
                await asyncio.sleep(_STALL_SECONDS)
                return False
            case _:
                return await self._write(fault, frames, streamed, writer)
        await writer.drain()
        return True

    async def _write(
        self, fault: Fault | None, frames: list[bytes], streamed: bool, writer: asyncio.StreamWriter
    ) -> bool:
        """The right answer, slowly or not to its end where a fault says so."""
        data = _head(200, "text/event-stream", "transfer-encoding: chunked\r\n") if streamed else _whole(200, frames[0])
        parts = [_chunk(frame) for frame in frames] + [b"0\r\n\r\n"] if streamed else []
        if fault in ("cut", "half_close"):
            everything = data + b"".join(parts)
            writer.write(everything[: self._random.randrange(1, len(everything))])
            await writer.drain()
            if fault == "half_close":
                writer.write_eof()
                await asyncio.sleep(_DRIP_SECONDS)
            return False
        writer.write(data)
        for part in parts:
            await asyncio.sleep(_DRIP_SECONDS if fault == "drip" else 0)
            writer.write(part)
            await writer.drain()
        return True


def _usage(body: dict[str, Any], completion: int) -> dict[str, int]:
    prompt = len(json.dumps(body.get("messages") or body["input"])) // 4
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _completion(body: dict[str, Any], text: str, serial: int) -> bytes:
    message = {"role": "assistant", "content": text}
    return _json(
        {
            "id": f"chatcmpl-{serial}",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(body, _WORDS),
        }
    )


def _stream(body: dict[str, Any], text: str, serial: int) -> list[bytes]:
    head = {"id": f"chatcmpl-{serial}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def frame(delta: dict[str, str], finish: str | None) -> bytes:
        return b"data: %b\n\n" % _json({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    words = text.split(" ")
    deltas = [{"content": word if index == 0 else f" {word}"} for index, word in enumerate(words)]
    frames = [frame({"role": "assistant", "content": ""}, None), *(frame(delta, None) for delta in deltas)]
    frames.append(frame({}, "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        frames.append(b"data: %b\n\n" % _json({**head, "choices": [], "usage": _usage(body, _WORDS)}))
    return [*frames, b"data: [DONE]\n\n"]


def _embeddings(body: dict[str, Any]) -> bytes:
    inputs = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"object": "embedding", "index": index, "embedding": vector_for(text)} for index, text in enumerate(inputs)]
    return _json({"object": "list", "data": data, "model": body["model"], "usage": _usage(body, 0)})


def _error(message: str, type: str) -> bytes:
    return _json({"error": {"message": message, "type": type, "param": None, "code": None}})


def _whole(status: int, body: bytes, more: str = "") -> bytes:
    return _head(status, "application/json", f"content-length: {len(body)}\r\n{more}") + body


def _head(status: int, content_type: str, more: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n{more}\r\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _reset(writer: asyncio.StreamWriter) -> bool:
    sock: Any = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
    return False


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
