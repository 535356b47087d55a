"""Streams of events, in the Messages format, as guardrails read and rewrite them.

https://docs.claude.com/en/build-with-claude/streaming
"""

from collections.abc import Mapping, Set
from typing import Any

import msgspec
from msgspec import Raw

from adapters.framing import sse
from adapters.messages.blocks import event
from adapters.messages.response import refusal
from adapters.messages.said import usage_json
from adapters.wire.usage import Usage
from gateway.layers.guardrails.chunks import Frame
from gateway.layers.guardrails.places import Path, places, replaced

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_STRANGE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_OF_CONTENT = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})


class Events:
    """Of messages: one answer, whose blocks come one after the other."""

    def __init__(self) -> None:
        self._open: Any = None
        self._categories: tuple[str, ...] = ()
        self._has_delta = False
        self._is_done = False

    def read(self, raw: bytes) -> Frame:
        """One frame as it came; nothing of one that can't be read, which could say anything."""
        data = sse.parse(raw).data
        if data is None:
            return Frame(raw)
        try:
            frame = Frame(raw, _decode(data))
        except _STRANGE:
            return Frame(b"")
        said = frame.value
        match said.get("type"):
            case "message_start":
                frame.pieces += [
                    (0, place) for place in places(_of(said, "message").get("content"), _CONTENT, _CONTENT)
                ]
            case "content_block_start" | "content_block_delta" as kind:
                name = "content_block" if kind == "content_block_start" else "delta"
                key: Path = (_index(said),)
                frame.pieces += [(0, place) for place in places(said.get(name), (name,), key)]
            case "message_delta":
                if _of(said, "delta").get("stop_reason") is not None:
                    frame.ends.append(0)
            case "message_stop":
                frame.is_last = True
        if said.get("type") in _OF_CONTENT:
            frame.choices.append(0)
        return frame

    def write(self, frame: Frame, changes: Mapping[Path, Raw], withheld: Set[int]) -> bytes:
        """The frame as the client gets it."""
        said = frame.value
        kind = said.get("type")
        if withheld and kind in _OF_CONTENT:
            return b""
        self._is_done = self._is_done or frame.is_last
        if kind == "content_block_start":
            self._open = _index(said)
        elif kind == "content_block_stop":
            self._open = None
        elif kind == "message_delta":
            self._has_delta = True
            if withheld:
                changes = {("delta",): Raw(_encode(_of(said, "delta") | self._stop()))}
        if not changes:
            return frame.raw
        return sse.with_data(frame.raw, bytes(replaced(sse.parse(frame.raw).data or b"", changes)))

    def end(self, frame: Frame, choice: int, categories: tuple[str, ...]) -> bytes:
        """The end of the block that is open."""
        self._categories = categories
        index, self._open = self._open, None
        return b"" if index is None else event("content_block_stop", {"index": index})

    def rest(self, usage: Usage | None) -> bytes:
        """Why there is no more, with usage, and the end."""
        if self._is_done:
            return b""
        told = b"" if self._has_delta else event("message_delta", {"delta": self._stop(), "usage": usage_json(usage)})
        return told + event("message_stop", {})

    def _stop(self) -> dict[str, Any]:
        why = refusal(f"withheld: {', '.join(self._categories)}")
        return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": why}


_CONTENT: Path = ("message", "content")


def _of(said: dict[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    return value if isinstance(value, dict) else {}


def _index(said: dict[str, Any]) -> int:
    index = said.get("index")
    return index if isinstance(index, int) else 0
