"""Writes the blocks of a streamed answer, each after the other, from the pieces of a chat stream."""

from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.messages.request import Asked
from adapters.messages.response import call_id, redacted_block, thinking_block
from adapters.messages.said import Call, Said, citations, details, reasoning, texts
from adapters.messages.thoughts import is_readable, text_of

_TEXT, _THINKING, _TOOL = "text", "thinking", "tool_use"
_END = b"}}\n\n"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def event(name: str, members: dict[str, Any]) -> bytes:
    """One event."""
    return b"event: " + name.encode() + b"\ndata: " + _encode({"type": name, **members}) + b"\n\n"


class _Call:
    """A tool call of which pieces have come."""

    __slots__ = ("arguments", "id", "index", "name", "waiting")

    def __init__(self, call: Call, name: Any) -> None:
        self.id = call_id(call.id)
        self.name = name if isinstance(name, str) else ""
        self.index: int | None = None
        """Of its block, None as long as the call waits for its turn."""
        self.arguments = ""
        self.waiting = ""
        """Arguments that have not been written."""

    @property
    def is_whole(self) -> bool:
        """Whether the arguments need nothing more."""
        try:
            _object.decode(self.arguments)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class Blocks:
    """The blocks of one answer.

    Calls of tools come one after the other in nearly all streams; where their pieces are mixed, a call waits until the
    arguments of the one before it are whole.
    """

    __slots__ = ("_asked", "_calls", "_entry", "_head", "_index", "_kind", "_member", "_plain", "_provider", "_thought")

    def __init__(self, provider: str, asked: Asked, plain: bool) -> None:
        self._provider = provider
        self._asked = asked
        self._plain = plain
        self._kind: str | None = None
        self._index = -1
        self._head = b""
        self._calls: dict[Any, _Call] = {}
        self._thought = ""
        self._member: str | None = None
        self._entry: dict[str, Any] | None = None
        """What the open thinking block will say in its signature."""

    @property
    def called(self) -> bool:
        """Whether the model called a tool."""
        return bool(self._calls)

    def add(self, said: Said) -> Iterator[bytes]:
        """A piece of the answer."""
        if said.reasoning_content or said.reasoning or said.reasoning_details:
            yield from self._think(said)
        if isinstance(said.content, str):
            yield self._say(said.content)
        elif said.content:
            for is_thought, text in texts(said.content):
                yield self._show_thought(text, None) if is_thought else self._say(text)
        if isinstance(said.refusal, str):
            yield self._say(said.refusal)
        if said.annotations and self._kind == _TEXT:
            for citation in citations(said):
                yield self._delta({"type": "citations_delta", "citation": citation})
        for call in said.tool_calls or ():
            yield from self._call(call)

    def end(self) -> bytes:
        """The answer is over."""
        shown = self._stop()
        for call in self._calls.values():
            if call.index is None:
                shown += self._begin_call(call) + self._stop()
        return shown

    def _open(self, kind: str, block: dict[str, Any]) -> bytes:
        ended = self._stop() if kind == _TOOL else self.end()
        self._kind = kind
        self._index += 1
        return ended + event("content_block_start", {"index": self._index, "content_block": block})

    def _stop(self) -> bytes:
        """The open block ends; a thought gets its signature."""
        if self._kind is None:
            return b""
        signed = b""
        if self._kind == _THINKING:
            whole = thinking_block(self._thought, self._provider, self._member, self._entry, self._asked, self._plain)
            signed = self._delta({"type": "signature_delta", "signature": whole["signature"]})
            self._thought, self._member, self._entry = "", None, None
        self._kind = None
        return signed + event("content_block_stop", {"index": self._index})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event("content_block_delta", {"index": self._index, "delta": delta})

    # Texts

    def _say(self, text: str) -> bytes:
        if not text:
            return b""
        begun = b""
        if self._kind != _TEXT:
            begun = self._open(_TEXT, {"type": "text", "text": ""})
            self._head = _head(self._index, b'text_delta","text":')
        return begun + self._head + _encode(text) + _END

    # Thoughts

    def _think(self, said: Said) -> Iterator[bytes]:
        member, text = reasoning(said)
        entries = details(said)
        for entry in entries:
            if not is_readable(entry):
                yield self._open("redacted", redacted_block(self._provider, entry, self._plain)) + self._stop()
                continue
            if self._is_another(entry):
                yield self._stop()
            told = "" if text or self._thought else text_of(entry)
            yield self._show_thought(told, member, even_if_empty=True)
            self._entry = (self._entry or {}) | {name: value for name, value in entry.items() if value is not None}
        if text:
            if not entries and (self._entry or {}).get("signature"):
                yield self._stop()
            yield self._show_thought(text, member)

    def _is_another(self, entry: dict[str, Any]) -> bool:
        """Whether an entry belongs to another thought than the one that is open."""
        known = self._entry
        if known is None:
            return False
        return bool(known.get("signature")) or any(known.get(name) != entry.get(name) for name in ("type", "index"))

    def _show_thought(self, text: str, member: str | None, *, even_if_empty: bool = False) -> bytes:
        if not text and not even_if_empty:
            return b""
        begun = b""
        if self._kind != _THINKING:
            begun = self._open(_THINKING, {"type": "thinking", "thinking": "", "signature": ""})
            self._head = _head(self._index, b'thinking_delta","thinking":')
        self._thought += text
        self._member = self._member or member
        if not text or self._asked.hides_thoughts:
            return begun
        return begun + self._head + _encode(text) + _END

    # Calls of tools

    def _call(self, piece: Call) -> Iterator[bytes]:
        function = piece.function
        name = function.name if function is not None else None
        arguments = function.arguments if function is not None else None
        if isinstance(arguments, dict):
            arguments = _encode(arguments).decode()
        key = self._key(piece, name)
        call = self._calls.get(key)
        if call is None:
            before = next(reversed(self._calls.values()), None)
            call = self._calls[key] = _Call(piece, name)
            if before is None or self._kind != _TOOL or before.is_whole:
                yield self._begin_call(call)
        call.waiting += arguments if isinstance(arguments, str) else ""
        if call.index is not None:
            yield self._write_arguments(call)
            yield from self._next_calls(call)

    def _key(self, call: Call, name: Any) -> Any:
        """What tells a call from others: its index; without one a new call is one that has an id or a name."""
        if call.index is not None:
            return call.index
        return ("new", len(self._calls)) if call.id or name else next(reversed(self._calls), None)

    def _next_calls(self, call: _Call) -> Iterator[bytes]:
        """Begin the calls that waited for this one."""
        for after in self._calls.values():
            if after.index is None and call.is_whole:
                yield self._begin_call(after)
                call = after

    def _begin_call(self, call: _Call) -> bytes:
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        begun = self._open(_TOOL, block)
        call.index = self._index
        return begun + self._write_arguments(call)

    def _write_arguments(self, call: _Call) -> bytes:
        if not call.waiting or call.index is None:
            return b""
        written, call.waiting = call.waiting, ""
        call.arguments += written
        return _head(call.index, b'input_json_delta","partial_json":') + _encode(written) + _END


def _head(index: int, delta: bytes) -> bytes:
    """The beginning of a delta's event, up to its text."""
    return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b' % (
        index,
        delta,
    )
