"""What Converse answers, as types. A union of Bedrock's is an object with one member, which names its kind.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
Members that are not here are ignored, and so are kinds.
"""

from typing import Any

from msgspec import Raw, Struct


class _Camel(Struct, rename="camel"):
    """Members are written in camel case on the wire."""


class TokenUsage(_Camel):
    """Tokens of a call; the input's leave out what the cache had."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0


class ServiceTier(_Camel):
    """Which tier answered."""

    type: str | None = None


class Source(_Camel):
    """Bytes in base64."""

    bytes: str | None = None


class Image(_Camel):
    """A picture that the model made."""

    format: str = "png"
    source: Source | None = None


class ReasoningText(_Camel, omit_defaults=True):
    """Thoughts, and what proves that they are the model's."""

    text: str = ""
    signature: str | None = None


class Reasoning(_Camel):
    """Thoughts in clear or encrypted."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class ToolUse(_Camel):
    """A call; one of type `server_tool_use` was run by the service."""

    tool_use_id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    type: str | None = None

    @property
    def ran_already(self) -> bool:
        """Whether the service ran it itself."""
        return self.type == "server_tool_use"


class Text(_Camel):
    """A piece of text."""

    text: str = ""


class Citations(_Camel):
    """Text with the sources that it rests on."""

    content: list[Text] = []
    citations: list[dict[str, Any]] = []


class Block(_Camel):
    """A piece of a message, of one kind."""

    text: str | None = None
    tool_use: ToolUse | None = None
    tool_result: dict[str, Any] | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Citations | None = None
    image: Image | None = None


class Message(_Camel):
    """What the model says."""

    content: list[Block] = []


class Output(_Camel):
    """The answer proper."""

    message: Message | None = None


class Told(_Camel):
    """What both a whole answer and a stream's last event say beside the message."""

    usage: TokenUsage | None = None
    trace: Raw = Raw()
    """What guardrails and prompt routers did."""
    service_tier: ServiceTier | None = None


class Converse(Told):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str = ""


# What a stream's events hold


class BlockStart(_Camel):
    """A block begins; blocks of text and of reasoning begin without a word."""

    tool_use: ToolUse | None = None
    tool_result: dict[str, Any] | None = None
    image: Image | None = None


class ContentBlockStart(_Camel):
    """`contentBlockStart`."""

    start: BlockStart


class ToolUseDelta(_Camel):
    """A piece of a call's arguments."""

    input: str = ""


class ReasoningDelta(_Camel):
    """A piece of the thoughts."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class BlockDelta(_Camel):
    """A piece of a block."""

    text: str | None = None
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    tool_result: list[Any] | None = None
    citation: dict[str, Any] | None = None
    image: Image | None = None


class ContentBlockDelta(_Camel):
    """`contentBlockDelta`."""

    delta: BlockDelta


class MessageStop(_Camel):
    """`messageStop`."""

    stop_reason: str = ""
