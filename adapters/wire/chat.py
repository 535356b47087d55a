"""OpenAI's chat request as types, for dialects that have to translate it.

https://platform.openai.com/docs/api-reference/chat/create
Requests are read strictly: a wrong type is a 400 that names where it stands.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Raw, Struct, field

from adapters.wire.body import Body
from adapters.wire.carried import Carried, split
from adapters.wire.errors import BadRequest

# What a message is made of


class ImageUrl(Struct):
    """Where an image is, and how closely to look at it."""

    url: str
    detail: str | None = None


class AudioData(Struct):
    """Sound in base64."""

    data: str
    format: str


class FileData(Struct):
    """A document: a data URL, or the id of a file that was uploaded."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None
    file_url: str | None = None


class VideoUrl(Struct):
    """Where a video is. Not OpenAI's: vLLM's and OpenRouter's way to write it."""

    url: str


class TextPart(Struct, tag="text"):
    """Text. `cache_control` is Anthropic's, as OpenRouter and LiteLLM have it in this place."""

    text: str
    cache_control: dict[str, Any] | None = None


class ImagePart(Struct, tag="image_url"):
    """An image."""

    image_url: ImageUrl
    cache_control: dict[str, Any] | None = None


class AudioPart(Struct, tag="input_audio"):
    """Sound."""

    input_audio: AudioData


class FilePart(Struct, tag="file"):
    """A document."""

    file: FileData
    cache_control: dict[str, Any] | None = None


class VideoPart(Struct, tag="video_url"):
    """A video."""

    video_url: VideoUrl


class RefusalPart(Struct, tag="refusal"):
    """What the model said when it refused."""

    refusal: str


Part: TypeAlias = TextPart | ImagePart | AudioPart | FilePart | VideoPart | RefusalPart
Content: TypeAlias = str | list[Part] | None


class FunctionCall(Struct):
    """A function's name and its arguments, which are JSON in a string."""

    name: str
    arguments: str = ""


class ToolCall(Struct):
    """A call that the model asked for. `id` is the service's own: what it carried is in `carried`."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"
    index: int | None = None
    """Left over where a client put a stream's pieces together."""
    carried: Carried | None = field(default=None, name="-")
    """What the dialect that gave the id wants back."""


class _Named(Struct, kw_only=True):
    name: str | None = None


class System(_Named, tag="system", tag_field="role"):
    """Instructions."""

    content: str | list[Part]


class Developer(_Named, tag="developer", tag_field="role"):
    """Instructions, under the name that newer models have for them."""

    content: str | list[Part]


class User(_Named, tag="user", tag_field="role"):
    """What the user says."""

    content: str | list[Part]


class Assistant(_Named, tag="assistant", tag_field="role"):
    """What the model said before."""

    content: Content = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    """The forerunner of `tool_calls`."""
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The same under OpenRouter's and Groq's name."""
    reasoning_details: list[dict[str, Any]] | None = None
    """Reasoning with its signatures: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens"""
    audio: Any = None
    annotations: Any = None
    cache_control: dict[str, Any] | None = None


class Tool(Struct, tag="tool", tag_field="role"):
    """What a tool gave. OpenAI takes text only; images go along to services that take them."""

    content: str | list[Part]
    tool_call_id: str
    name: str | None = None
    cache_control: dict[str, Any] | None = None


class Function(Struct, tag="function", tag_field="role"):
    """The forerunner of `tool`."""

    name: str
    content: str | None = None


Message: TypeAlias = System | Developer | User | Assistant | Tool | Function

# What may be asked for


class FunctionDefinition(Struct):
    """A function that the model may call; `parameters` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolDefinition(Struct):
    """A tool: a function, or under another `type` one that the service runs itself."""

    type: str = "function"
    function: FunctionDefinition | None = None
    cache_control: dict[str, Any] | None = None


class JsonSchema(Struct):
    """The schema that an answer must fit."""

    name: str = "response"
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Struct):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class NamedFunction(Struct):
    """The function of a `tool_choice`."""

    name: str


class NamedChoice(Struct):
    """A `tool_choice` that names one tool."""

    function: NamedFunction
    type: Literal["function"] = "function"


ToolChoice: TypeAlias = Literal["none", "auto", "required"] | NamedChoice
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ChatRequest(Struct, kw_only=True):
    """A chat request. A field that is None was left out, null, or OpenAI's default where that says nothing."""

    messages: list[Message]
    tools: list[ToolDefinition] | None = None
    functions: list[FunctionDefinition] | None = None
    tool_choice: ToolChoice | None = None
    function_call: Literal["none", "auto"] | NamedFunction | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: Effort | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    modalities: list[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    verbosity: str | None = None
    metadata: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None
    extra: dict[str, Raw]
    """Fields that are not OpenAI's, as they came."""
    unknown: list[str]
    """Members inside messages and tools that nobody knows, as paths."""

    @property
    def most_tokens(self) -> int | None:
        """The bound of the answer's length, under either of its names."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def stops(self) -> list[str]:
        """The stop sequences."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def function_tools(self) -> list[ToolDefinition]:
        """The tools that are functions, those of the older `functions` included."""
        older = [ToolDefinition(function=function) for function in self.functions or ()]
        return [tool for tool in self.tools or () if tool.function is not None] + older

    @property
    def choice(self) -> ToolChoice | None:
        """How tools are to be chosen, `function_call` included."""
        if self.tool_choice is not None or self.function_call is None:
            return self.tool_choice
        if isinstance(self.function_call, NamedFunction):
            return NamedChoice(function=self.function_call)
        return self.function_call


_OURS = ("extra", "unknown")
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    member.name: msgspec.json.Decoder(member.type)
    for member in msgspec.structs.fields(ChatRequest)
    if member.name not in _OURS
}
_TREES = frozenset({"messages", "tools", "functions"})
_tree = msgspec.json.Decoder(list[Any] | None)
_READ_ELSEWHERE = frozenset({"model", "stream", "stream_options"})


def read_chat(body: Body) -> ChatRequest:
    """Read a chat request whole.

    Raises BadRequest on a wrong type, naming the parameter and the place in it.
    """
    values: dict[str, Any] = {}
    extra: dict[str, Raw] = {}
    unknown: list[str] = []
    for name, raw in body.fields.items():
        decoder = _DECODERS.get(name)
        if decoder is not None:
            values[name] = _decoded(name, raw, decoder)
            if name in _TREES and values[name]:
                unknown += unknown_members(name, _tree.decode(raw) or [], values[name])
        elif name not in _READ_ELSEWHERE:
            extra[name] = raw
    if not values.get("messages"):
        raise BadRequest(
            "'messages' must hold at least one message.", param="messages", code="missing_required_parameter"
        )
    request = ChatRequest(**values, extra=extra, unknown=unknown)
    _unload_ids(request.messages)
    return request


def content_text(content: Content, param: str) -> str:
    """The text of a content that can only be text. Raises BadRequest on parts of another kind, naming the place."""
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for index, part in enumerate(content):
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, RefusalPart):
            texts.append(part.refusal)
        else:
            raise unsupported_part(part, f"{param}[{index}]")
    return "".join(texts)


def unsupported_part(part: Part, param: str) -> BadRequest:
    """The error of a part that can't go where it stands."""
    kind = cast(str, part.__struct_config__.tag)
    return BadRequest(f"Content of type '{kind}' is not supported here.", param=param, code="unsupported_content")


def arguments_object(call: FunctionCall, param: str) -> dict[str, Any]:
    """A call's arguments as an object; none where the string is empty.

    Raises BadRequest on anything but a JSON object: a service that wants one can't be told of it otherwise.
    """
    if not call.arguments.strip():
        return {}
    try:
        return msgspec.json.decode(call.arguments, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise BadRequest(
            f"'{param}' must be a JSON object in a string, because this provider takes objects.",
            param=param,
            code="invalid_arguments",
        ) from None


def _decoded(name: str, raw: Raw, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message, _, place = str(error).partition(" - at `$")
        param = name + re.sub(r"\[\.\.\.\]", "[]", place.rstrip("`"))
        raise BadRequest(f"Invalid '{param}': {message}.", param=param, code="invalid_type") from None


def _unload_ids(messages: list[Message]) -> None:
    """Take what ids carry out of them, so that no dialect sees another's."""
    for message in messages:
        if isinstance(message, Assistant):
            for call in message.tool_calls or ():
                call.id, call.carried = split(call.id)
        elif isinstance(message, Tool):
            message.tool_call_id, _ = split(message.tool_call_id)


def unknown_members(path: str, tree: Any, value: Any) -> Iterator[str]:
    """Members of a JSON tree that the types beside it do not have; nulls say nothing."""
    if isinstance(value, list):
        for index, (below, item) in enumerate(zip(tree, value, strict=True)):
            yield from unknown_members(f"{path}[{index}]", below, item)
    elif isinstance(value, Struct):
        config = value.__struct_config__
        known = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        for name, below in cast(Mapping[str, Any], tree).items():
            if name in known:
                yield from unknown_members(f"{path}.{name}", below, getattr(value, known[name]))
            elif name != config.tag_field and below is not None:
                yield f"{path}.{name}"
