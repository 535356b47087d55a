"""ConverseStream's events to OpenAI's chunks.

Blocks come one after the other: a start where they need one, pieces, a stop. `messageStop` tells why the message ended,
and `metadata`, which is last, the usage and what guardrails did.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from adapters.framing.event_stream import DamagedStream, Message, Messages
from adapters.inference.bedrock.carrying import JsonBlock, carrying, kept_call, kept_thought, reasoning_detail
from adapters.inference.bedrock.errors import explain_inside
from adapters.inference.bedrock.families import family_of
from adapters.inference.bedrock.response import annotation, answer_id, finish_reason, further_of, picture, usage_of
from adapters.inference.bedrock.schema import (
    BlockDelta,
    ContentBlockDelta,
    ContentBlockStart,
    Image,
    MessageStop,
    Reasoning,
    ReasoningDelta,
    ReasoningText,
    Told,
    ToolUse,
    ToolUseDelta,
)
from adapters.inference.bedrock.structured import answers_by_tool
from adapters.inference.contract import Target
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.completion import FinishReason
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import FORCED_TOOL, asked_schema, check_answer
from adapters.wire.usage import Usage

_start = msgspec.json.Decoder(ContentBlockStart)
_delta = msgspec.json.Decoder(ContentBlockDelta)
_stop = msgspec.json.Decoder(MessageStop)
_told = msgspec.json.Decoder(Told)


class Stream:
    """Decodes one answer."""

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._body = body
        self._family = family_of(target.model)
        self._by_tool = answers_by_tool(body, target)
        self._checks = asked_schema(body) is not None
        self._messages = Messages()
        self._writer = ChunkWriter(target, body)
        self._writer.begin(answer_id())
        self._handlers: dict[Any, Callable[[bytes], bytes]] = {
            "contentBlockStart": self._begin_block,
            "contentBlockDelta": self._add_to_block,
            "contentBlockStop": self._end_block,
            "messageStop": self._stop_message,
            "metadata": self._end,
        }
        self._finish: FinishReason | None = None
        self._finished = False
        self._calls = False
        self._thoughts = 0
        self._length = 0
        """Characters of text so far."""
        self._answer: list[str] = []
        """The pieces of an answer that is to be checked, or held back until it is known to be the answer."""
        self._by_call = False
        """Whether the answer is what the tool that stands for it was given."""
        self._annotations: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._before: list[JsonBlock] = []
        """Blocks since the last call that the model wants back."""
        self._block = _Open()

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the stream did not tell it."""
        return self._body.wants_usage and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give whole frames, or nothing yet."""
        if self.error is not None or self._finished:
            return b""
        try:
            messages = self._messages.feed(data)
        except DamagedStream as damage:
            return self._fail(UpstreamError(f"The provider's stream can't be read: {damage}."))
        out = []
        for message in messages:
            out.append(self._take(message))
            if self.error is not None or self._finished:
                break
        return b"".join(out)

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: an error where that was before the message's end, else `[DONE]`."""
        if self.error is not None:
            return b""
        if self._finish is None:
            return self._fail(StreamIncomplete())
        out = b"" if self._finished else self._finish_with({})
        return out if self.error is not None else out + self._writer.end(self.usage or counted)

    def _take(self, message: Message) -> bytes:
        if message.headers.get(":message-type") != "event":
            return self._fail(explain_inside(message))
        handler = self._handlers.get(message.headers.get(":event-type"))
        if handler is None:
            return b""
        try:
            return handler(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail(UpstreamError("The provider's stream has an event that can't be read."))

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        return self._writer.fail(error)

    # Blocks

    def _begin_block(self, payload: bytes) -> bytes:
        start = _start.decode(payload).start
        self._block = block = _Open(self._length, start.tool_use, start.tool_result)
        if start.image is not None:
            block.form = start.image.format
        call = start.tool_use
        if call is None or call.ran_already:
            return b""
        if self._by_tool and call.name == FORCED_TOOL:
            return self._begin_answer(block)
        self._calls = True
        call_id = carrying(call.tool_use_id, self._family, self._before)
        self._before = []
        return self._writer.tool_call(call_id, call.name)

    def _begin_answer(self, block: "_Open") -> bytes:
        """The tool that stands for the answer is called: its first call counts, and not what was said before."""
        if self._by_call:
            block.use = None
        else:
            self._by_call = block.answers = True
            self._answer = []
        return b""

    def _add_to_block(self, payload: bytes) -> bytes:
        block, delta = self._block, _delta.decode(payload).delta
        if delta.text is not None:  # as nearly all have
            return self._say(delta.text)
        match delta:
            case BlockDelta(tool_use=ToolUseDelta(input=piece)):
                return self._argue(piece)
            case BlockDelta(reasoning_content=ReasoningDelta() as thought):
                return self._think(thought)
            case BlockDelta(citation=dict(citation)):
                block.citations.append(citation)
            case BlockDelta(tool_result=list(pieces)):
                block.pieces += pieces
            case BlockDelta(image=Image() as image) if image.source is not None and image.source.bytes is not None:
                block.image.append(image.source.bytes)
        return b""

    def _say(self, text: str) -> bytes:
        if self._by_call:
            return b""
        self._length += len(text)
        if self._checks:
            self._answer.append(text)
        return b"" if self._by_tool else self._writer.text(text)

    def _argue(self, piece: str) -> bytes:
        block = self._block
        block.input += piece
        if block.answers:
            self._answer.append(piece)
            return self._writer.text(piece)
        if block.use is None or block.use.ran_already:
            return b""
        return self._writer.arguments(piece)

    def _think(self, thought: ReasoningDelta) -> bytes:
        block = self._block
        block.thinks = True
        if thought.signature is not None:
            block.signature = (block.signature or "") + thought.signature
        if thought.redacted_content is not None:
            block.redacted = (block.redacted or "") + thought.redacted_content
        if thought.text is None:
            return b""
        block.thought += thought.text
        return self._writer.reasoning(thought.text)

    def _end_block(self, payload: bytes) -> bytes:
        block, self._block = self._block, _Open(start=self._length)
        if block.use is not None:
            return self._end_call(block, block.use)
        if block.thinks:
            return self._end_thought(block.reasoning)
        if block.result is not None:
            self._before.append({"toolResult": block.result | {"content": block.pieces}})
        self._annotations += [annotation(each, block.start, self._length) for each in block.citations]
        if block.image:
            self._images.append(picture(block.form, block.image))
        return b""

    def _end_call(self, block: "_Open", call: ToolUse) -> bytes:
        if call.ran_already:
            call.input = Raw(block.input.encode() or b"{}")
            self._before.append(kept_call(call))
            return b""
        if block.input:
            return b""
        # A call without arguments has no pieces; clients read JSON.
        if block.answers:
            self._answer.append("{}")
            return self._writer.text("{}")
        return self._writer.arguments("{}")

    def _end_thought(self, thought: Reasoning) -> bytes:
        detail = reasoning_detail(thought, self._family, self._thoughts)
        self._thoughts += 1
        if (kept := kept_thought(thought)) is not None:
            self._before.append(kept)
        return self._writer.reasoning_details([detail])

    # The end

    def _stop_message(self, payload: bytes) -> bytes:
        self._finish = finish_reason(_stop.decode(payload).stop_reason, self._calls)
        held = "".join(self._answer) if self._by_tool and not self._by_call else ""
        # OpenAI's client adds up lists of several chunks only where their items are numbered.
        lists = {"annotations": self._annotations, "images": self._images}
        more = {name: told for name, told in lists.items() if told}
        return self._writer.text(held) + (self._writer.delta(more) if more else b"")

    def _end(self, payload: bytes) -> bytes:
        told = _told.decode(payload)
        self.usage = usage_of(told.usage)
        return self._finish_with(further_of(told)) if self._finish is not None else b""

    def _finish_with(self, further: dict[str, Any]) -> bytes:
        finish = self._finish or "stop"
        self._finished = True
        if self._checks and finish == "stop":
            try:
                check_answer("".join(self._answer), self._body)
            except GatewayError as error:
                return self._fail(error)
        return self._writer.finish(finish, **further)


class _Open:
    """The block that is coming in."""

    __slots__ = (
        "answers",
        "citations",
        "form",
        "image",
        "input",
        "pieces",
        "redacted",
        "result",
        "signature",
        "start",
        "thinks",
        "thought",
        "use",
    )

    def __init__(self, start: int = 0, use: ToolUse | None = None, result: dict[str, Any] | None = None) -> None:
        self.start = start
        self.use = use
        self.result = result
        self.answers = False
        self.input = ""
        self.pieces: list[Any] = []
        self.thinks = False
        self.thought = ""
        self.signature: str | None = None
        self.redacted: str | None = None
        self.citations: list[dict[str, Any]] = []
        self.form = "png"
        self.image: list[str] = []

    @property
    def reasoning(self) -> Reasoning:
        """The thoughts, as a whole answer has them."""
        if self.redacted is not None:
            return Reasoning(redacted_content=self.redacted)
        return Reasoning(ReasoningText(self.thought, self.signature))
