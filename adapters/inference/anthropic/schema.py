"""What the Messages API answers, as types that only say what is read.

https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/build-with-claude/streaming
Members that are not named here are ignored, and kinds that are not are `Unknown`: new ones may come at any time, says
https://platform.claude.com/docs/en/api/versioning
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

# A message and its blocks


class Text(Struct, tag="text"):
    """A piece of the answer, with its sources."""

    text: str = ""
    citations: list[dict[str, Any]] | None = None


class Thinking(Struct, tag="thinking", tag_field="type"):
    """A thought, and the signature without which it can't be sent back."""

    thinking: str = ""
    signature: str = ""


class RedactedThinking(Struct, tag="redacted_thinking", tag_field="type"):
    """A thought that only the service can read."""

    data: str


class ToolUse(Struct, tag="tool_use"):
    """A call of one of the client's tools."""

    id: str
    name: str
    input: Raw = Raw(b"{}")


Unknown: TypeAlias = dict[str, Any]
"""A block of another kind: what tools that the service runs itself were asked and gave, and what is yet to come."""
Block: TypeAlias = Text | Thinking | RedactedThinking | ToolUse | Unknown


class Container(Struct):
    """Where code of the model ran; a later request may name it to go on there."""

    id: str
    expires_at: str | None = None


class StopDetails(Struct):
    """More about a stop, for now only a refusal's."""

    explanation: str | None = None


class OutputDetails(Struct):
    """Classes of the output's tokens."""

    thinking_tokens: int | None = None


class Counts(Struct):
    """A `usage` object. `input_tokens` are those that no cache was read or written for."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None


class Message(Struct):
    """A whole answer, or the head of a streamed one."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[Raw] = []
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    container: Container | None = None
    usage: Raw = Raw()


# What a stream is made of


class TextDelta(Struct, tag="text_delta"):
    """More of a text."""

    text: str


class ThinkingDelta(Struct, tag="thinking_delta"):
    """More of a thought."""

    thinking: str


class SignatureDelta(Struct, tag="signature_delta"):
    """A thought's signature."""

    signature: str


class InputJsonDelta(Struct, tag="input_json_delta"):
    """More of a call's arguments."""

    partial_json: str


class CitationsDelta(Struct, tag="citations_delta"):
    """One more source of a text."""

    citation: dict[str, Any]


Delta: TypeAlias = TextDelta | ThinkingDelta | SignatureDelta | InputJsonDelta | CitationsDelta


class MessageStart(Struct, tag="message_start"):
    """The answer begins."""

    message: Message


class BlockStart(Struct, tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: Raw


class BlockDelta(Struct, tag="content_block_delta"):
    """A block goes on."""

    index: int
    delta: Delta


class BlockStop(Struct, tag="content_block_stop"):
    """A block ends."""

    index: int


class Stop(Struct):
    """Why the answer ends."""

    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    container: Container | None = None


class MessageDelta(Struct, tag="message_delta"):
    """The answer's end, and what was used up to it."""

    delta: Stop
    usage: Raw = Raw()


class MessageStop(Struct, tag="message_stop"):
    """The stream's last event."""


class Ping(Struct, tag="ping"):
    """Nothing; may come anywhere."""


class Fault(Struct, tag="error"):
    """An error after the answer began; nothing follows."""


Event: TypeAlias = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping | Fault


class LooseDelta(Struct):
    """A `content_block_delta` of a kind that has no type here."""

    index: int
    delta: dict[str, Any]


_block: msgspec.json.Decoder[Block] = msgspec.json.Decoder(Text | Thinking | RedactedThinking | ToolUse)
_unknown: msgspec.json.Decoder[Block] = msgspec.json.Decoder(dict[str, Any])
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_loose_delta = msgspec.json.Decoder(LooseDelta)
_counts = msgspec.json.Decoder(Counts)

message_decoder = msgspec.json.Decoder(Message)


def read_block(raw: Raw) -> Block:
    """A block by its kind; what is no object is one that says nothing."""
    for decoder in (_block, _unknown):
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError:
            continue
    return {}


def read_event(data: bytes) -> Event | LooseDelta | None:
    """What an event says; None for one of an unknown kind. Raises DecodeError on what is no JSON."""
    try:
        return _event.decode(data)
    except msgspec.ValidationError:
        pass
    try:
        return _loose_delta.decode(data)
    except msgspec.ValidationError:
        return None


def read_counts(raw: Raw) -> Counts | None:
    """A `usage` object, None where there is none or it can't be read."""
    try:
        return _counts.decode(raw)
    except msgspec.DecodeError:
        return None


def merge_counts(before: Counts, told: Counts) -> None:
    """Add what an event counts: the figures are those so far, and what it leaves out stays as it was."""
    for name in told.__struct_fields__:
        if (value := getattr(told, name)) is not None:
            setattr(before, name, value)
