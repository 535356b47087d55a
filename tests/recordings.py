"""Recorded traffic of real providers, for tests to replay.

The recordings lie beside the project and are no part of it; where they are absent, tests that need them are skipped.
"""

import base64
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "wire"
SPLIT_SIZES = (1, 7, 64, 1 << 30)


@dataclass(frozen=True)
class Recording:
    """One exchange: what a client sent and what the provider answered."""

    case: str
    provider: str
    operation: str
    model: str | None
    streamed: bool
    status: int | None
    url: str | None
    request: Any
    auth: str | None
    """How the key travelled, where the recorder kept a word of it: `authorization header, Bearer`."""
    headers: tuple[tuple[bytes, bytes], ...]
    answer: Any
    """The parsed body of a unary answer; text where it was none."""
    raw: bytes | None
    """A stream's bytes as recorded, None where its framing was not kept."""
    pieces: tuple[int, ...]
    """Sizes in which the stream's bytes came in, where they were kept."""
    events: tuple[Any, ...]
    """A stream's parsed events, where its framing was not kept."""

    @property
    def body(self) -> bytes:
        """A unary answer as bytes; the recordings keep it parsed."""
        return self.answer.encode() if isinstance(self.answer, str) else json.dumps(self.answer).encode()

    def cut(self, size: int) -> Iterator[bytes]:
        """The stream in pieces of one size."""
        assert self.raw is not None
        for start in range(0, len(self.raw), size):
            yield self.raw[start : start + size]

    def as_received(self) -> Iterator[bytes]:
        """The stream in the pieces in which it reached the recorder."""
        assert self.raw is not None
        start = 0
        for size in self.pieces or (len(self.raw),):
            yield self.raw[start : start + size]
            start += size


@cache
def load() -> tuple[Recording, ...]:
    """Every recording, none where the folder is absent."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*/*.json")))


def params(
    *,
    providers: Collection[str],
    operations: Collection[str],
    streamed: bool = False,
    skip: Collection[str] = (),
) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`; one that is skipped where the recordings are absent."""
    chosen = [
        pytest.param(recording, id=recording.case)
        for recording in load()
        if recording.provider in providers
        and recording.operation in operations
        and recording.streamed is streamed
        and recording.case not in skip
    ]
    return chosen or [pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings at {FOLDER}"))]


def _read(path: Path) -> Recording:
    told = json.loads(path.read_text())
    request = told["request"] or {}
    response = told["response"]
    raw = response["raw"].encode() if "raw" in response else None
    if "raw_base64" in response:
        raw = base64.b64decode(response["raw_base64"])
    return Recording(
        case=f"{path.parent.name}/{path.stem}",
        provider=told["provider"],
        operation=told["operation"],
        model=told["model"],
        streamed=told["stream"],
        status=response["status"],
        url=request.get("url"),
        request=request.get("body"),
        auth=request.get("auth"),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in response["headers"].items()),
        answer=response.get("body"),
        raw=raw,
        pieces=tuple(response.get("chunk_bytes", ())),
        events=tuple(response.get("events", ())),
    )
