"""The steps of an answer, and the usual answers as steps."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tests.upstream.server import Request

PATIENCE = 15.0
"""Seconds that a test waits for what should happen at once, on however busy a machine."""


@dataclass(frozen=True)
class Write:
    """Send bytes."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """Send nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Send nothing until the other side closes."""


@dataclass(frozen=True)
class Cut:
    """Close the connection."""


@dataclass(frozen=True)
class Reset:
    """Close the connection with a TCP reset."""


class Gate:
    """Wait until the test lets the script go on; once open, it stays open."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._is_open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def await_reached(self) -> None:
        """Wait, in the test, until the script stands here."""
        assert self._reached.wait(PATIENCE), "the script never came to its gate"

    def open(self) -> None:
        """Let the script go on."""
        self._is_open = True
        for loop, event in self._waiting:
            loop.call_soon_threadsafe(event.set)

    async def pass_through(self) -> None:
        """Wait, in the script."""
        event = asyncio.Event()
        self._waiting.append((asyncio.get_running_loop(), event))
        self._reached.set()
        if not self._is_open:
            await event.wait()


Step: TypeAlias = Write | Pause | Hang | Cut | Reset | Gate
Script: TypeAlias = Callable[["Request"], Iterable[Step]]


def whole(
    status: int, body: bytes, *headers: tuple[str, str], content_type: str | None = "application/json"
) -> tuple[Step, ...]:
    """An answer with its length, in one write."""
    lines = [*headers, ("content-length", str(len(body)))]
    if content_type is not None:
        lines.insert(0, ("content-type", content_type))
    return (Write(head(status, lines) + body),)


def json_answer(value: Any, *headers: tuple[str, str], status: int = 200) -> tuple[Step, ...]:
    """An answer of JSON."""
    return whole(status, compact(value), *headers)


def event_stream(
    *parts: bytes | Step, headers: Iterable[tuple[str, str]] = (), content_type: str = "text/event-stream"
) -> tuple[Step, ...]:
    """A stream of events, each part of bytes one HTTP chunk and one write; a Cut or Reset among them is its end."""
    lines = [("content-type", content_type), ("transfer-encoding", "chunked"), *headers]
    steps: list[Step] = [Write(head(200, lines))]
    steps += [Write(chunk(part)) if isinstance(part, bytes) else part for part in parts]
    return (*steps, Write(b"0\r\n\r\n"))


def frame(value: Any) -> bytes:
    """One event with a JSON value, or with a text as it is."""
    return b"data: %b\n\n" % (value.encode() if isinstance(value, str) else compact(value))


def compact(value: Any) -> bytes:
    """JSON as OpenAI writes it: no white space, text as UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
