"""Chat streams to Messages streams.

https://docs.claude.com/en/build-with-claude/streaming: message_start; for each block content_block_start, deltas and
content_block_stop; message_delta with the reason of the stop and the usage; message_stop.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.framing import sse
from adapters.inference.contract import StreamDecoder, Target
from adapters.messages.blocks import Blocks, event
from adapters.messages.errors import error_event
from adapters.messages.request import Asked
from adapters.messages.response import id_of, refusal
from adapters.messages.said import Choice, Completion, stop_of, usage_json
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage

_chunk = msgspec.json.Decoder(Completion)
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessagesStream:
    """Wraps the decoder of a chat stream: OpenAI's frames go in, Anthropic's events come out."""

    def __init__(self, inner: StreamDecoder, target: Target, asked: Asked, plain: bool) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._inner = inner
        self._target = target
        self._asked = asked
        self._blocks = Blocks(target.provider, asked, plain)
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
        events = b"".join([shown for frame in sse.split(frames) for shown in self._frame(frame, counted)])
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
            yield from self._blocks.add(choice.delta)
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
        return event("message_start", {"message": message})

    def _end(self, counted: Usage | None) -> bytes:
        self._ended = True
        called = self._blocks.called
        reason, stop = stop_of(self._last, self._asked.stops, called=called, refused=bool(self._refused))
        delta: dict[str, Any] = {"stop_reason": reason, "stop_sequence": stop}
        if reason == "refusal":
            delta["stop_details"] = refusal(self._refused)
        usage = usage_json(self.usage or counted)
        return self._blocks.end() + event("message_delta", {"delta": delta, "usage": usage}) + _STOP
