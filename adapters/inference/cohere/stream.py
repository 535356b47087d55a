"""Cohere's streams as chat completion chunks.

https://docs.cohere.com/v2/docs/streaming
"""

from typing import Any

import msgspec

from adapters.framing import sse
from adapters.inference.cohere.request import is_judged, stands_in
from adapters.inference.cohere.response import (
    NO_ARGUMENTS,
    PLAN,
    annotations_of,
    call_id,
    failure,
    finish_reason,
    logprobs_of,
    made_up_id,
    usage_of,
)
from adapters.inference.cohere.schema import (
    Citation,
    CitationStart,
    Content,
    ContentDelta,
    ContentStart,
    Event,
    Logprobs,
    MessageEnd,
    MessageEndDelta,
    MessageStart,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolPlanDelta,
    piece,
    read_event,
    read_refusal,
)
from adapters.inference.contract import Target
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import FORCED_TOOL, check_answer
from adapters.wire.usage import Usage


class ChatStream:
    """One streamed answer."""

    __slots__ = (
        "_body", "_called", "_ended", "_first", "_forced", "_framer", "_id", "_judged", "_length", "_pieces",
        "_stands_in", "_starts", "_texts", "_writer", "error", "usage",
    )  # fmt: skip

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._body = body
        self._writer = ChunkWriter(target, body)
        self._framer = sse.Framer()
        self._stands_in = stands_in(body, target)
        self._judged = is_judged(body, target)
        self._texts: list[str] = []
        """What was said, where it is to be judged in the end."""
        self._id = ""
        self._length = 0
        """Characters of the answer so far."""
        self._starts: dict[int, int] = {}
        """Where each block begins in it."""
        self._first: int | None = None
        """The first block with text."""
        self._called = False
        self._forced = False
        """Whether the call under way is the answer."""
        self._pieces = 0
        """Pieces of the arguments of the call under way."""
        self._ended = False

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and Cohere did not tell it."""
        return self._body.wants_usage and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the chunks of the events that are whole."""
        if self._ended:
            return b""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        return b"".join([self._frame(frame) for frame in sse.split(frames)]) if frames else b""

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give usage and `[DONE]`, or an error where it ended too early."""
        last = b"" if self._ended else self._frame(self._framer.close())
        if not self._ended:
            return last + self._fail(StreamIncomplete())
        return last if self.error is not None else last + self._writer.end(self.usage or counted)

    def _frame(self, frame: bytes) -> bytes:
        data = sse.parse(frame).data
        if data is None or self._ended:
            return b""
        try:
            event = read_event(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._unknown(data)
        if not self._writer.begun and not isinstance(event, MessageStart):
            self._begin(None)
        return self._event(event)

    def _unknown(self, data: bytes) -> bytes:
        """An event of another kind is passed over; a message in the place of one is the provider's error."""
        try:
            refusal = read_refusal(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._fail(UpstreamError("The provider's stream has an event that is not JSON."))
        told = refusal.message if refusal.type is None else ""
        return self._fail(UpstreamError(told)) if told else b""

    def _event(self, event: Event) -> bytes:
        match event:
            case ContentDelta() | ContentStart():
                return self._content(event.index, piece(event.delta).content, event.logprobs)
            case ToolCallDelta():
                call = piece(event.delta).tool_calls
                return self._arguments(call.function.arguments or "") if call and call.function else b""
            case ToolPlanDelta():
                return self._plan(piece(event.delta).tool_plan or "")
            case ToolCallStart():
                return self._call(piece(event.delta).tool_calls or ToolCall(), event.index)
            case ToolCallEnd():
                return b"" if self._pieces else self._arguments(NO_ARGUMENTS)
            case CitationStart():
                return self._cite(piece(event.delta).citations)
            case MessageEnd():
                return self._finish(event.delta or MessageEndDelta())
            case _:
                self._begin(event.id)
                return b""

    def _begin(self, id: str | None) -> None:
        if not self._id:
            self._id = id or made_up_id()
            self._writer.begin(self._id)

    def _content(self, block: int, content: Content | None, logprobs: Logprobs | None) -> bytes:
        self._starts.setdefault(block, self._length)
        if content is None:
            return b""
        if content.thinking:
            return self._writer.reasoning(content.thinking)
        if not content.text:
            return b""
        if self._first is None:
            self._first = block
        told = {"logprobs": logprobs_of([logprobs])} if logprobs is not None else {}
        return self._say(content.text, **told)

    def _say(self, text: str, **further: Any) -> bytes:
        self._length += len(text)
        if self._judged:
            self._texts.append(text)
        return self._writer.delta({"content": text}, **further)

    def _plan(self, text: str) -> bytes:
        if not text:
            return b""
        if self._stands_in:
            return self._writer.reasoning(text)
        self._starts.setdefault(PLAN, 0)
        return self._say(text)

    def _call(self, call: ToolCall, place: int) -> bytes:
        name = (call.function.name if call.function else None) or ""
        arguments = (call.function.arguments if call.function else None) or ""
        self._pieces = 0
        self._forced = name == FORCED_TOOL
        if self._forced:
            return self._arguments(arguments)
        self._called = True
        begun = self._writer.tool_call(call_id(call, self._id, place), name)
        return begun + self._arguments(arguments)

    def _arguments(self, text: str) -> bytes:
        if not text:
            return b""
        self._pieces += 1
        if self._forced:
            return self._say(text)
        return self._writer.arguments(text) if self._called else b""

    def _cite(self, citation: Citation | None) -> bytes:
        found = annotations_of(citation, self._starts, self._first or 0) if citation is not None else []
        return self._writer.delta({"annotations": found}) if found else b""

    def _finish(self, end: MessageEndDelta) -> bytes:
        self.usage = usage_of(end.usage)
        if (failed := failure(end.finish_reason, end.error)) is not None:
            return self._fail(failed)
        reason = finish_reason(end.finish_reason, called=self._called)
        if reason == "stop" and self._judged:
            try:
                check_answer("".join(self._texts), self._body)
            except GatewayError as error:
                return self._fail(error)
        self._ended = True
        return self._writer.finish(reason)

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        self._ended = True
        return self._writer.fail(error)
