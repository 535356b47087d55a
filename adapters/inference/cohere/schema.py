"""What Cohere's API of version 2 answers, as types.

Counts may be floats, nearly every member may be missing or null, and what is unknown is passed over.
https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/chat-stream
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from adapters.wire.rerank import Ranked

# What a message is made of


class Content(Struct):
    """A block: `text`, or `thinking`; of one of another kind both stay empty."""

    text: str | None = None
    thinking: str | None = None


class Function(Struct):
    """What is called. Arguments may be null or empty."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct):
    """A call, or a piece of one."""

    id: str | None = None
    function: Function | None = None


class Citation(Struct):
    """Characters `start` to `end` of a block rest on the sources."""

    start: int | None = None
    end: int | None = None
    text: str | None = None
    sources: list[dict[str, Any]] | None = None
    content_index: int | None = None
    type: str | None = None
    """`TEXT_CONTENT`, `THINKING_CONTENT` or `PLAN`: what is counted in."""


class Logprobs(Struct):
    """A piece of text, which may be of several tokens."""

    text: str | None = None
    logprobs: list[float] | None = None


class Message(Struct):
    """An answer."""

    content: list[Content] | None = None
    tool_plan: str | None = None
    """What the model says before it calls tools."""
    tool_calls: list[ToolCall] | None = None
    citations: list[Citation] | None = None


# What it cost


class Units(Struct):
    """Counts of one kind."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_tokens: float | None = None
    image_tokens: float | None = None
    search_units: float | None = None


class Usage(Struct):
    """`tokens` are what the model read and wrote, `billed_units` what of it is charged."""

    tokens: Units | None = None
    billed_units: Units | None = None
    cached_tokens: float | None = None


# Whole answers


class ChatResponse(Struct):
    """A unary answer."""

    message: Message
    id: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    logprobs: list[Logprobs] | None = None


class Meta(Struct):
    """What an embeddings or rerank request used, and what of it is charged."""

    tokens: Units | None = None
    billed_units: Units | None = None


class EmbedResponse(Struct):
    """Vectors by their type: `float`, `int8` and so on."""

    embeddings: dict[str, list[Raw] | None]
    meta: Meta | None = None


class RerankResponse(Struct):
    """Documents by their relevance."""

    results: list[Ranked]
    id: str | None = None
    meta: Raw = Raw(b"null")


# Events of a stream. Where a message has lists, an event has single ones.


class MessageDelta(Struct):
    """A piece of a message."""

    content: Content | None = None
    tool_plan: str | None = None
    tool_calls: ToolCall | None = None
    citations: Citation | None = None


class Delta(Struct):
    """What an event brings."""

    message: MessageDelta | None = None


_NOTHING = MessageDelta()


def piece(delta: Delta | None) -> MessageDelta:
    """What an event brings of the message; an empty piece where it brings nothing."""
    return _NOTHING if delta is None or delta.message is None else delta.message


class MessageStart(Struct, tag="message-start"):
    """The first event. What its message has is empty."""

    id: str | None = None


class ContentStart(Struct, tag="content-start"):
    """A block begins."""

    index: int = 0
    delta: Delta | None = None
    logprobs: Logprobs | None = None


class ContentDelta(Struct, tag="content-delta"):
    """A piece of a block."""

    index: int = 0
    delta: Delta | None = None
    logprobs: Logprobs | None = None


class ToolPlanDelta(Struct, tag="tool-plan-delta"):
    """A piece of the plan."""

    delta: Delta | None = None


class ToolCallStart(Struct, tag="tool-call-start"):
    """A call begins."""

    index: int = 0
    delta: Delta | None = None


class ToolCallDelta(Struct, tag="tool-call-delta"):
    """A piece of its arguments."""

    delta: Delta | None = None


class ToolCallEnd(Struct, tag="tool-call-end"):
    """It is whole."""


class CitationStart(Struct, tag="citation-start"):
    """A citation, whole."""

    delta: Delta | None = None


class MessageEndDelta(Struct):
    """How an answer ended."""

    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None


class MessageEnd(Struct, tag="message-end"):
    """The last event before `[DONE]`."""

    delta: MessageEndDelta | None = None


Event: TypeAlias = (
    MessageStart
    | ContentStart
    | ContentDelta
    | ToolPlanDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | CitationStart
    | MessageEnd
)


class Refusal(Struct):
    """An error: `error_type` is there for some."""

    message: str = ""
    error_type: str | None = None
    type: str | None = None
    """What an event has and an error has not."""


read_chat = msgspec.json.Decoder(ChatResponse).decode
read_embed = msgspec.json.Decoder(EmbedResponse).decode
read_rerank = msgspec.json.Decoder(RerankResponse).decode
read_meta = msgspec.json.Decoder(Meta | None).decode
read_event = msgspec.json.Decoder(Event).decode
read_refusal = msgspec.json.Decoder(Refusal).decode
