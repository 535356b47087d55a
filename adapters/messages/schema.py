"""A Messages request as types. What is no part of it, and why, is said by `request`.

https://docs.claude.com/en/api/messages
"""

from typing import Any, Literal, TypeAlias

from msgspec import Raw, Struct

CacheControl: TypeAlias = dict[str, Any] | None

# Where images and documents come from


class Base64Source(Struct, tag="base64"):
    """Bytes in base64."""

    media_type: str
    data: str


class UrlSource(Struct, tag="url"):
    """An address that the service fetches."""

    url: str


class FileSource(Struct, tag="file"):
    """A file that was uploaded."""

    file_id: str


class TextSource(Struct, tag="text"):
    """A document of plain text."""

    data: str
    media_type: str = "text/plain"


class ContentSource(Struct, tag="content"):
    """A document made of blocks."""

    content: "str | list[TextBlock | ImageBlock]"


# What messages are made of


class TextBlock(Struct, tag="text"):
    """Text. `citations` come back with what the model said before; they are nothing to go on."""

    text: str
    cache_control: CacheControl = None
    citations: Any = None


class ImageBlock(Struct, tag="image"):
    """An image."""

    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl = None


class Citations(Struct):
    """Whether the model is to cite."""

    enabled: bool = False


class DocumentBlock(Struct, tag="document"):
    """A document."""

    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl = None


class SearchResultBlock(Struct, tag="search_result"):
    """Something that the client found."""

    source: str
    title: str
    content: list[TextBlock]
    citations: Citations | None = None
    cache_control: CacheControl = None


class ThinkingBlock(Struct, tag="thinking"):
    """What the model thought before."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, tag="redacted_thinking"):
    """The same, not to be read."""

    data: str


class ToolUseBlock(Struct, tag="tool_use"):
    """A call that the model asked for; `caller` says that it did so itself."""

    id: str
    name: str
    input: Raw
    caller: Any = None
    cache_control: CacheControl = None


ResultContent: TypeAlias = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock


class ToolResultBlock(Struct, tag="tool_result"):
    """What a tool gave."""

    tool_use_id: str
    content: str | list[ResultContent] | None = None
    is_error: bool | None = None
    cache_control: CacheControl = None


Block: TypeAlias = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class Message(Struct):
    """One turn. `system` may stand among the messages in newer versions."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


# What may be asked for


class Tool(Struct):
    """A tool: the client's own, or under another `type` than `custom` one that only Anthropic's models know."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    strict: bool | None = None
    cache_control: CacheControl = None
    eager_input_streaming: Any = None
    """Arguments are streamed as they come in any case."""


class AutoChoice(Struct, tag="auto"):
    """The model decides."""

    disable_parallel_tool_use: bool = False


class AnyChoice(Struct, tag="any"):
    """It must call one."""

    disable_parallel_tool_use: bool = False


class ToolChoice(Struct, tag="tool"):
    """It must call this one."""

    name: str
    disable_parallel_tool_use: bool = False


class NoChoice(Struct, tag="none"):
    """It must call none."""


Choice: TypeAlias = AutoChoice | AnyChoice | ToolChoice | NoChoice


class Enabled(Struct, tag="enabled"):
    """Think, with this many tokens at most."""

    budget_tokens: float
    display: str | None = None


class Adaptive(Struct, tag="adaptive"):
    """Think as much as it takes."""

    display: str | None = None


class BetweenTools(Struct, tag="between_tools"):
    """Think between calls of tools."""


class Disabled(Struct, tag="disabled"):
    """Don't think."""


Thinking: TypeAlias = Enabled | Adaptive | BetweenTools | Disabled


class JsonFormat(Struct):
    """The schema that an answer must fit."""

    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Struct):
    """How the answer is to be."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Metadata(Struct):
    """Who asks."""

    user_id: str | None = None


class MessagesRequest(Struct, kw_only=True):
    """A request. A field that is None was left out or null; `unknown` are members that nobody knows, as paths.

    Numbers go on as they are written, and the provider judges which it takes.
    """

    messages: list[Message]
    system: str | list[TextBlock] | None = None
    max_tokens: float | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    """The older place of `output_config.format`."""
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    cache_control: CacheControl = None
    unknown: list[str]
