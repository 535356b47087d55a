"""The service's streams as chat completion chunks."""

from typing import Any

import msgspec
from msgspec import Struct

from adapters.framing import sse
from adapters.inference.anthropic.errors import explain_inside
from adapters.inference.anthropic.kept import carrying, detail
from adapters.inference.anthropic.response import (
    annotations,
    finish_reason,
    made_up_id,
    refusal,
    service_tier,
    usage_of,
)
from adapters.inference.anthropic.schema import (
    Block,
    BlockDelta,
    BlockStart,
    BlockStop,
    CitationsDelta,
    Counts,
    Delta,
    Event,
    Fault,
    InputJsonDelta,
    LooseDelta,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    RedactedThinking,
    SignatureDelta,
    Stop,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
    merge_counts,
    read_block,
    read_counts,
    read_event,
)
from adapters.inference.contract import Target
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import FORCED_TOOL, asked_schema, check_answer
from adapters.wire.usage import Usage


class _Open(Struct):
    """A block that has begun."""

    block: Block
    start: int
    """Characters of the answer before it."""
    pieces: list[str]
    """Of a thought, or of a call's arguments."""


class ChatStream:
    """One streamed answer."""

    __slots__ = (
        "_answer", "_body", "_called", "_counts", "_ended", "_framer", "_length", "_open", "_uncarried", "_wants_usage",
        "_why", "_writer", "error", "usage",
    )  # fmt: skip

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._body = body
        self._writer = ChunkWriter(target, body)
        self._framer = sse.Framer()
        self._wants_usage = body.wants_usage
        self._answer: list[str] | None = [] if asked_schema(body) is not None else None
        """The text, where it has to be checked."""
        self._length = 0
        self._open: dict[int, _Open] = {}
        self._uncarried: list[Thinking | RedactedThinking] = []
        self._called = False
        self._counts = Counts()
        self._why = Stop()
        self._ended = False

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the service has not told it."""
        return self._wants_usage and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the chunks of the events that are whole."""
        if self._ended:
            return b""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        return b"".join([self._frame(frame) for frame in sse.split(frames)])

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give usage and `[DONE]`, or an error where it ended too early."""
        last = self._frame(self._framer.close())
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
            return self._fail(UpstreamError("The provider's stream has an event that is not JSON."))
        return self._fail(explain_inside(data)) if isinstance(event, Fault) else self._event(event)

    def _event(self, event: Event | LooseDelta | None) -> bytes:
        match event:
            case BlockDelta():
                return self._go_on(event.index, event.delta)
            case BlockStart():
                return self._start(event.index, event.content_block)
            case BlockStop():
                opened = self._open.pop(event.index, None)
                return self._stop(opened, event.index) if opened is not None else b""
            case MessageStart():
                self._begin(event.message)
            case MessageDelta():
                self._count(read_counts(event.usage))
                if event.delta.stop_reason is not None:
                    self._why = event.delta
            case MessageStop():
                return self._finish()
            case LooseDelta():
                self._merge(event)
        return b""

    def _begin(self, message: Message) -> None:
        counts = read_counts(message.usage)
        self._count(counts)
        if (tier := service_tier(counts)) is not None:
            self._writer.further["service_tier"] = tier
        self._writer.begin(message.id or made_up_id(), message.model or None)

    def _begin_anyway(self) -> None:
        if not self._writer.begun:
            self._begin(Message())

    def _start(self, index: int, raw: msgspec.Raw) -> bytes:
        self._begin_anyway()
        block = read_block(raw)
        opened = self._open[index] = _Open(block, self._length, [])
        match block:
            case Text():
                return self._say(block.text)
            case Thinking():
                return self._think(opened, block.thinking)
            case ToolUse() if not self._is_answer(block):
                self._called = True
                call_id = carrying(block.id, self._uncarried)
                self._uncarried = []
                return self._writer.tool_call(call_id, block.name)
        return b""

    def _go_on(self, index: int, delta: Delta) -> bytes:
        opened = self._open.get(index)
        if opened is None:
            return b""
        match delta, opened.block:
            case TextDelta(), Text():
                return self._say(delta.text)
            case ThinkingDelta(), Thinking():
                return self._think(opened, delta.thinking)
            case InputJsonDelta(), ToolUse():
                return self._argue(opened, delta.partial_json)
            case InputJsonDelta(), dict():
                opened.pieces.append(delta.partial_json)
            case SignatureDelta(), Thinking() as block:
                block.signature += delta.signature
            case CitationsDelta(), Text() as block:
                block.citations = [*(block.citations or ()), delta.citation]
        return b""

    def _stop(self, opened: _Open, index: int) -> bytes:
        match opened.block:
            case Text() as block if block.citations:
                cited = annotations(block.citations, opened.start, self._length - opened.start)
                return self._writer.delta({"annotations": cited})
            case Text():
                return b""
            case ToolUse() as block:
                # A call without arguments streams an empty piece, or none.
                return b"" if opened.pieces else self._argue(opened, bytes(block.input).decode())
            case Thinking() as block:
                block.thinking = "".join(opened.pieces)
                self._uncarried.append(block)
            case RedactedThinking() as block:
                self._uncarried.append(block)
            case dict() as block if arguments := "".join(opened.pieces):
                block["input"] = _read_input(arguments)
        return self._writer.reasoning_details([detail(opened.block, index)])

    def _finish(self) -> bytes:
        """The end of the answer, or the error that it is none."""
        self._begin_anyway()
        self._ended = True
        out = b""
        if refused := refusal(self._why.stop_reason, self._why.stop_details):
            out = self._writer.delta({"refusal": refused})
        reason = finish_reason(self._why.stop_reason, calls=self._called)
        if reason == "stop" and self._answer is not None:
            try:
                check_answer("".join(self._answer), self._body)
            except GatewayError as error:
                return out + self._fail(error)
        where: dict[str, Any] = {} if self._why.container is None else {"container": self._why.container}
        return out + self._writer.finish(reason, **where)

    def _say(self, text: str) -> bytes:
        self._length += len(text)
        if self._answer is not None:
            self._answer.append(text)
        return self._writer.text(text)

    def _think(self, opened: _Open, text: str) -> bytes:
        opened.pieces.append(text)
        return self._writer.reasoning(text)

    def _argue(self, opened: _Open, piece: str) -> bytes:
        if not piece:
            return b""
        opened.pieces.append(piece)
        return self._say(piece) if self._is_answer(opened.block) else self._writer.arguments(piece)

    def _is_answer(self, block: Block) -> bool:
        """Whether a call's arguments are the answer in the form that was asked for."""
        return self._answer is not None and isinstance(block, ToolUse) and block.name == FORCED_TOOL

    def _merge(self, more: LooseDelta) -> None:
        """Add to a block of an unknown kind: texts grow, all else is replaced."""
        opened = self._open.get(more.index)
        if opened is None or not isinstance(opened.block, dict):
            return
        for name, value in more.delta.items():
            before = opened.block.get(name)
            if name != "type":
                opened.block[name] = before + value if isinstance(before, str) and isinstance(value, str) else value

    def _count(self, told: Counts | None) -> None:
        if told is not None:
            merge_counts(self._counts, told)
            self.usage = usage_of(self._counts)

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        self._ended = True
        return self._writer.fail(error)


def _read_input(arguments: str) -> Any:
    """What a tool of the service was asked; a text where it is no JSON."""
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
