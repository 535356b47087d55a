"""Chat streams to Messages streams.

https://docs.claude.com/en/build-with-claude/streaming: message_start; for each block content_block_start, deltas and
content_block_stop; message_delta with the reason of the stop and the usage; message_stop.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.framing import sse
from adapters.inference.contract import StreamDecoder, Target
from adapters.messages.errors import error_event
from adapters.messages.request import Asked
from adapters.messages.response import call_id, id_of, redacted_block, refusal, thinking_block
from adapters.messages.said import (
    Call,
    Choice,
    Completion,
    Said,
    citations,
    details,
    reasoning,
    stop_of,
    texts,
    usage_json,
)
from adapters.messages.thoughts import is_readable, text_of
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage

_chunk = msgspec.json.Decoder(Completion)
_encode = msgspec.json.Encoder().encode
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT, _THINKING, _TOOL = "text", "thinking", "tool"


class MessagesStream:
    """Wraps the decoder of a chat stream: OpenAI's frames go in, Anthropic's events come out."""

    def __init__(self, inner: StreamDecoder, target: Target, asked: Asked, plain: bool) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._inner = inner
        self._target = target
        self._asked = asked
        self._block = _Blocks(target.provider, asked, plain)
        self._begun = False
        self._ended = False
        self._last = Choice()
        self._refused = ""
        self._tier: Any = None

    @property
    def owes_usage(self) -> bool:
        """Whether the provider has not told usage, which this format always tells."""
        return self._inner.owes_usage

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give whole events, or nothing yet."""
        if self._ended:
            return b""
        return self._after(self._inner.feed(data), None)

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give what is still owed; nothing where it ended before it began."""
        if self._ended:
            return b""
        events = self._after(self._inner.close(counted), counted)
        return events + self._end(counted) if self._begun and not self._ended else events

    def _after(self, frames: bytes, counted: Usage | None) -> bytes:
        """What the client gets for frames that the chat decoder gave."""
        inner = self._inner
        self.usage = inner.usage
        events = b"".join([event for frame in sse.split(frames) for event in self._frame(frame, counted)])
        if inner.error is not None:
            self.error = inner.error
            self._ended = True
            events += error_event(inner.error)
        return events

    def _frame(self, frame: bytes, counted: Usage | None) -> Iterator[bytes]:
        data = sse.parse(frame).data
        if data is None:
            if self._begun:
                yield _PING  # a comment, which keeps the connection
            return
        if data == b"[DONE]":
            if self._begun and not self._ended and (self.usage or counted):
                yield self._end(counted)
            return
        try:
            chunk = _chunk.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if chunk.service_tier is not None:
            self._tier = chunk.service_tier
        for choice in chunk.choices or ():
            if choice.index in (0, None):
                yield from self._choice(chunk, choice)

    def _choice(self, chunk: Completion, choice: Choice) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            yield self._start(chunk)
        if choice.delta is not None:
            if isinstance(choice.delta.refusal, str):
                self._refused += choice.delta.refusal
            yield from self._block.add(choice.delta)
        if choice.finish_reason:
            self._last = choice

    def _start(self, chunk: Completion) -> bytes:
        message: dict[str, Any] = {
            "id": id_of(chunk.id),
            "type": "message",
            "role": "assistant",
            "model": chunk.model if isinstance(chunk.model, str) and chunk.model else self._target.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_json(self.usage),
        }
        return _event("message_start", {"message": message})

    def _end(self, counted: Usage | None) -> bytes:
        self._ended = True
        called = self._block.called
        reason, stop = stop_of(self._last, self._asked.stops, called=called, refused=bool(self._refused))
        delta: dict[str, Any] = {"stop_reason": reason, "stop_sequence": stop}
        if reason == "refusal":
            delta["stop_details"] = refusal(self._refused)
        usage = usage_json(self.usage or counted)
        return self._block.stop() + _event("message_delta", {"delta": delta, "usage": usage}) + _STOP


class _Blocks:
    """Writes the blocks of one answer, each after the other."""

    __slots__ = ("_asked", "_calls", "_entry", "_head", "_index", "_kind", "_member", "_plain", "_provider", "_thought")

    def __init__(self, provider: str, asked: Asked, plain: bool) -> None:
        self._provider = provider
        self._asked = asked
        self._plain = plain
        self._kind: str | None = None
        self._index = -1
        self._head = b""
        self._calls: dict[Any, int] = {}
        """The index of each tool call's block."""
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
        content = said.content
        if isinstance(content, str) and content and self._kind == _TEXT:
            yield self._head + _encode(content) + b"}}\n\n"
            content = None
        if said.reasoning_content or said.reasoning or said.reasoning_details:
            yield from self._think(said)
        if content:
            for is_thought, text in texts(content):
                yield self._add_thought(text, None) if is_thought else self._add_text(text)
        if isinstance(said.refusal, str):
            yield self._add_text(said.refusal)
        if said.annotations and self._kind == _TEXT:
            for citation in citations(said):
                yield self._delta({"type": "citations_delta", "citation": citation})
        for call in said.tool_calls or ():
            yield from self._call(call)

    def stop(self) -> bytes:
        """The open block ends; a thought gets its signature."""
        if self._kind is None:
            return b""
        signed = b""
        if self._kind == _THINKING:
            whole = thinking_block(self._thought, self._provider, self._member, self._entry, self._asked, self._plain)
            signed = self._delta({"type": "signature_delta", "signature": whole["signature"]})
            self._thought, self._member, self._entry = "", None, None
        self._kind = None
        return signed + _event("content_block_stop", {"index": self._index})

    def _open(self, kind: str, block: dict[str, Any], delta: str, member: str) -> bytes:
        ended = self.stop()
        self._kind = kind
        self._index += 1
        self._head = self._delta_head(self._index, delta, member)
        return ended + _event("content_block_start", {"index": self._index, "content_block": block})

    def _add_text(self, text: str) -> bytes:
        if not text:
            return b""
        begun = b"" if self._kind == _TEXT else self._open(_TEXT, {"type": "text", "text": ""}, "text_delta", "text")
        return begun + self._head + _encode(text) + b"}}\n\n"

    def _think(self, said: Said) -> Iterator[bytes]:
        member, text = reasoning(said)
        for entry in details(said):
            if not is_readable(entry):
                yield self.stop() if self._kind == _THINKING else b""
                block = redacted_block(self._provider, entry, self._plain)
                yield self._open(_THINKING, block, "", "")
                self._kind = None
                yield _event("content_block_stop", {"index": self._index})
                continue
            if self._is_another(entry):
                yield self.stop()
            told = text_of(entry) if not text and not self._thought else ""
            yield self._add_thought(told, member, anyway=True)
            self._entry = {**(self._entry or {}), **{name: value for name, value in entry.items() if value is not None}}
        if text:
            if self._kind == _THINKING and not details(said) and (self._entry or {}).get("signature"):
                yield self.stop()
            yield self._add_thought(text, member)

    def _is_another(self, entry: dict[str, Any]) -> bool:
        """Whether an entry belongs to another thought than the one that is open."""
        known = self._entry
        if known is None or self._kind != _THINKING:
            return False
        return bool(known.get("signature")) or any(known.get(name) != entry.get(name) for name in ("type", "index"))

    def _add_thought(self, text: str, member: str | None, *, anyway: bool = False) -> bytes:
        if not text and not anyway:
            return b""
        begun = b""
        if self._kind != _THINKING:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            begun = self._open(_THINKING, block, "thinking_delta", "thinking")
        self._thought += text
        self._member = self._member or member
        if not text or self._asked.hides_thoughts:
            return begun
        return begun + self._head + _encode(text) + b"}}\n\n"

    def _call(self, call: Call) -> Iterator[bytes]:
        function = call.function
        name = function.name if function is not None else None
        key = self._key(call, name)
        if key not in self._calls:
            block = {"type": "tool_use", "id": call_id(call.id), "name": str(name or ""), "input": {}}
            yield self._open(_TOOL, block, "input_json_delta", "partial_json")
            self._calls[key] = self._index
        arguments = function.arguments if function is not None else None
        if isinstance(arguments, dict):
            arguments = _encode(arguments).decode()
        if isinstance(arguments, str) and arguments:
            # Pieces of a call that came before another: clients put them together by their index.
            yield (
                self._delta_head(self._calls[key], "input_json_delta", "partial_json") + _encode(arguments) + b"}}\n\n"
            )

    def _key(self, call: Call, name: Any) -> Any:
        """What tells a call from others: its index; without one a new call is one that has an id or a name."""
        if call.index is not None:
            return call.index
        return ("new", len(self._calls)) if call.id or name else next(reversed(self._calls), None)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    @staticmethod
    def _delta_head(index: int, kind: str, member: str) -> bytes:
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
            % (index, kind.encode(), member.encode())
        )


def _event(name: str, members: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode({"type": name, **members}) + b"\n\n"
