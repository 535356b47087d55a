"""Streams of chunks, in OpenAI's format, as guardrails read and rewrite them."""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from adapters.framing import sse
from adapters.wire.stream_end import DONE
from adapters.wire.usage import Usage, usage_json
from gateway.layers.guardrails.places import Path, Place, places, replaced
from gateway.layers.guardrails.report import results

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")
_STRANGE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Frame:
    """One frame of a stream, and what it says."""

    __slots__ = ("choices", "ends", "is_last", "pieces", "raw", "value")

    def __init__(self, raw: bytes, value: dict[str, Any] | None = None, *, is_last: bool = False) -> None:
        self.raw = raw
        self.value: dict[str, Any] = {} if value is None else value
        self.pieces: list[tuple[int, Place]] = []
        """Texts, each with the choice that it is part of."""
        self.choices: list[int] = []
        """The choices that it tells something of."""
        self.ends: list[int] = []
        """Those that are over with it."""
        self.is_last = is_last


class Format(Protocol):
    """How streams of one format are read and written. It knows what the client has been sent."""

    def read(self, raw: bytes) -> Frame:
        """One frame as it came."""
        ...

    def write(self, frame: Frame, changes: Mapping[Path, Raw], withheld: Set[int]) -> bytes:
        """The frame with other texts and without some choices; as it came where neither is."""
        ...

    def end(self, frame: Frame, choice: int, categories: tuple[str, ...]) -> bytes:
        """The end of a choice that is withheld from this frame on."""
        ...

    def rest(self, usage: Usage | None) -> bytes:
        """What is still owed to a client whose stream ends here."""
        ...


class Chunks:
    """Of chat completions and completions."""

    def __init__(self, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._head: dict[str, Any] = {}
        self._is_done = False

    def read(self, raw: bytes) -> Frame:
        """One frame as it came; nothing of one that can't be read, which could say anything."""
        data = sse.parse(raw).data
        if data is None:
            return Frame(raw)
        if data.strip() == b"[DONE]":
            return Frame(raw, is_last=True)
        try:
            frame = Frame(raw, _decode(data))
        except _STRANGE:
            return Frame(b"")
        for position, choice in enumerate(_choices(frame.value)):
            index = _index(choice)
            frame.choices.append(index)
            if choice.get("finish_reason") is not None:
                frame.ends.append(index)
            path: Path = ("choices", position)
            frame.pieces += [(index, place) for place in places(choice.get("delta"), (*path, "delta"), ("delta",))]
            frame.pieces += [(index, place) for place in places(choice.get("text"), (*path, "text"), ("text",))]
        return frame

    def write(self, frame: Frame, changes: Mapping[Path, Raw], withheld: Set[int]) -> bytes:
        """The frame as the client gets it."""
        value = frame.value
        if value.get("choices"):
            self._head = {name: value[name] for name in value if name not in ("choices", "usage")}
        self._is_done = self._is_done or frame.is_last
        self._wants_usage = self._wants_usage and not value.get("usage")
        left = [position for position, index in enumerate(frame.choices) if index not in withheld]
        if not changes and len(left) == len(frame.choices):
            return frame.raw
        if not left and not value.get("usage"):
            return b""
        changes = {**changes, **dict.fromkeys(_odds(value, changes), _NULL)}
        data = bytes(replaced(sse.parse(frame.raw).data or b"", changes))
        if len(left) < len(frame.choices):
            kept = [msgspec.json.decode(data, type=dict[str, Any])["choices"][position] for position in left]
            data = bytes(replaced(data, {("choices",): Raw(_encode(kept))}))
        return sse.with_data(frame.raw, data)

    def end(self, frame: Frame, choice: int, categories: tuple[str, ...]) -> bytes:
        """A chunk that says why there is no more of a choice."""
        said: dict[str, Any] = {"delta": {}}
        if any("text" in each for each in _choices(frame.value)):
            said = {"text": ""}
        end = {"logprobs": None, "finish_reason": "content_filter", "content_filter_results": results(categories)}
        self._head = {name: frame.value[name] for name in frame.value if name not in ("choices", "usage")}
        rest = {"usage": None} if "usage" in frame.value else {}
        return sse.write(_encode(self._head | {"choices": [{"index": choice} | said | end]} | rest))

    def rest(self, usage: Usage | None) -> bytes:
        """Usage, where the client asked for it, and `[DONE]`."""
        if self._is_done:
            return b""
        if not self._wants_usage or usage is None:
            return DONE
        return sse.write(_encode(self._head | {"choices": [], "usage": usage_json(usage)})) + DONE


def _choices(chunk: dict[str, Any]) -> list[dict[str, Any]]:
    """Its choices; items that are none say nothing and keep their places."""
    found = chunk.get("choices")
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _odds(chunk: dict[str, Any], changes: Mapping[Path, Raw]) -> Iterator[Path]:
    """Where the odds of changed texts stand: they tell the text token by token."""
    for position in {path[1] for path in changes}:
        if isinstance(position, int) and chunk["choices"][position].get("logprobs") is not None:
            yield ("choices", position, "logprobs")
