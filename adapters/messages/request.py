"""Messages requests to chat requests.

A thinking budget becomes a `reasoning_effort`: below 4,096 tokens `low`, below 16,384 `medium`, from there on `high`;
`output_config.effort` wins over it, `disabled` is `none`, `adaptive` leaves it to the model. Fields that nobody knows
go on as they are: so a client reaches a provider's own.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.inference.contract import Target
from adapters.messages.body import MessagesBody
from adapters.messages.content import Content
from adapters.messages.schema import (
    AnyChoice,
    AutoChoice,
    Block,
    Disabled,
    Enabled,
    MessagesRequest,
    NoChoice,
    OutputConfig,
    Tool,
    ToolChoice,
)
from adapters.wire.body import Body
from adapters.wire.chat import unknown_members
from adapters.wire.errors import BadRequest
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for, says_something

FIELDS: Fields = {
    "model": MAPPED,
    "messages": MAPPED,
    "system": Support("mapped", "a system message"),
    "max_tokens": Support("mapped", "max_completion_tokens"),
    "stream": KEPT,
    "stream_options": Support("mapped", "streams tell usage in any case"),
    "tools": Support("mapped", "functions; Anthropic's own tools are refused"),
    "tool_choice": Support("mapped", "tool_choice and parallel_tool_calls"),
    "thinking": Support("mapped", "reasoning_effort"),
    "output_config": Support("mapped", "reasoning_effort and response_format"),
    "output_format": Support("mapped", "response_format"),
    "stop_sequences": Support("mapped", "stop"),
    "temperature": KEPT,
    "top_p": KEPT,
    "top_k": KEPT,
    "metadata": Support("mapped", "user"),
    "service_tier": Support("mapped", "standard_only is OpenAI's default"),
    "cache_control": Support("mapped", "where the provider takes hints for its cache"),
    "billing_policy": UNSUPPORTED,
    "compaction": UNSUPPORTED,
    "container": UNSUPPORTED,
    "context_management": UNSUPPORTED,
    "diagnostics": UNSUPPORTED,
    "fallback_credit_token": UNSUPPORTED,
    "fallbacks": UNSUPPORTED,
    "inference_geo": UNSUPPORTED,
    "mcp_servers": Support("unsupported", "refused: the model would lack tools"),
    "speed": UNSUPPORTED,
    "thread": Support("unsupported", "refused: the model would lack what was said"),
    "user_profile_id": UNSUPPORTED,
}
"""Every field of a Messages request, and what becomes of it on the way to another format."""

_REFUSED = ("mcp_servers", "thread")

_EFFORTS = ((4_096, "low"), (16_384, "medium"))
_USER_MAX = 64
"""Characters that OpenAI takes for `user`; agents send more."""

_OURS = "unknown"
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    member.name: msgspec.json.Decoder(member.type if member.required else member.type | None)
    for member in msgspec.structs.fields(MessagesRequest)
    if member.name != _OURS
}
_TREES = ("messages", "system", "tools")
_KEPT = ("stream", "temperature", "top_p", "top_k")
_tree = msgspec.json.Decoder(Any)
_encode = msgspec.json.Encoder().encode
_TYPES = {str(block.__struct_config__.tag) for block in Block.__args__}
_USAGE = Raw(b'{"include_usage":true}')


class Asked(Struct, frozen=True):
    """A Messages request, as it is asked of a target that speaks chat."""

    body: Body
    dropped: tuple[str, ...]
    names: dict[str, str]
    """What the fields of `body` are called in the Messages format, where that differs."""
    stops: tuple[str, ...]
    hides_thoughts: bool
    """Whether the client wants signatures without thoughts."""


def asked_of(body: Body, target: Target, plain: bool) -> Asked:
    """The request for a target; made once for each.

    Raises BadRequest on what is no Messages request or can't be said in OpenAI's format, naming it, and
    UnsupportedParameter where settings or client say to refuse.
    """
    if not isinstance(body, MessagesBody):
        return _translate(body, target, plain)
    if body.asked is None or body.asked[0] is not target:
        body.asked = (target, _translate(body, target, plain))
    return body.asked[1]


def read_messages(body: Body) -> MessagesRequest:
    """Read a request whole. Raises BadRequest naming the parameter and the place in it."""
    values: dict[str, Any] = {}
    unknown: list[str] = []
    for name, raw in body.fields.items():
        decoder = _DECODERS.get(name)
        if decoder is None:
            continue
        try:
            values[name] = decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _misread(name, raw, error) from None
        if name in _TREES and values[name]:
            unknown += unknown_members(name, _tree.decode(raw), values[name])
    if not values.get("messages"):
        raise BadRequest(
            "'messages' must hold at least one message.", param="messages", code="missing_required_parameter"
        )
    return MessagesRequest(**values, unknown=unknown)


def _translate(body: Body, target: Target, plain: bool) -> Asked:
    request = read_messages(body)
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    for path in request.unknown:
        drops.drop(path, "unknown")
    fields = {name: body.fields[name] for name in _KEPT if name in body.fields and _says(body.fields[name])}
    fields["model"] = body.fields["model"]
    if body.stream:
        fields["stream_options"] = _USAGE
    _add_others(fields, body, drops)
    content = Content(drops, target.provider, plain)
    content.hint(request.cache_control if plain else None)
    messages = content.messages(request.messages)
    if request.system:
        messages.insert(0, content.system(request.system))
    names: dict[str, str] = {}
    if request.max_tokens is not None:
        fields["max_completion_tokens"] = body.fields["max_tokens"]
        names["max_completion_tokens"] = "max_tokens"
    for name, told_as, value in _asked(request, messages, content, plain):
        fields[name] = Raw(_encode(value))
        if told_as != name:
            names[name] = told_as
    chat = Body(fields, body.model, body.stream, wants_usage=body.stream)
    chat.on_unsupported, chat.carries = body.on_unsupported, body.carries
    hides = getattr(request.thinking, "display", None) == "omitted"
    return Asked(chat, drops.dropped, names, tuple(request.stop_sequences or ()), hides)


def _asked(
    request: MessagesRequest, messages: list[dict[str, Any]], content: Content, plain: bool
) -> Iterator[tuple[str, str, Any]]:
    """Each field of the chat request: its name, what it is called in the Messages format, and its value."""
    yield "messages", "messages", messages
    if request.tools:
        yield "tools", "tools", [_tool(tool, f"tools[{at}]", content) for at, tool in enumerate(request.tools)]
        yield from _choice(request)
    if request.stop_sequences:
        yield "stop", "stop_sequences", request.stop_sequences
    yield from _effort(request)
    yield from _format(request)
    if request.metadata is not None and request.metadata.user_id:
        yield "user", "metadata.user_id", _user(request.metadata.user_id, plain)
    if request.service_tier == "standard_only":
        yield "service_tier", "service_tier", "default"
    if request.cache_control is not None and not plain:
        yield "cache_control", "cache_control", request.cache_control


def _tool(tool: Tool, path: str, content: Content) -> dict[str, Any]:
    if tool.type not in (None, "custom"):
        raise BadRequest(
            f"The tool '{tool.type}' is one that only Anthropic's models have; this model's provider has not.",
            param=path,
            code="unsupported_tool",
        )
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.input_schema if bytes(tool.input_schema) else {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function} | content.hint(tool.cache_control)


def _choice(request: MessagesRequest) -> Iterator[tuple[str, str, Any]]:
    choice = request.tool_choice
    match choice:
        case AutoChoice():
            yield "tool_choice", "tool_choice", "auto"
        case AnyChoice():
            yield "tool_choice", "tool_choice", "required"
        case ToolChoice(name):
            yield "tool_choice", "tool_choice", {"type": "function", "function": {"name": name}}
        case NoChoice():
            yield "tool_choice", "tool_choice", "none"
    if getattr(choice, "disable_parallel_tool_use", False):
        yield "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", False


def _effort(request: MessagesRequest) -> Iterator[tuple[str, str, Any]]:
    if request.output_config is not None and request.output_config.effort is not None:
        yield "reasoning_effort", "output_config.effort", request.output_config.effort
        return
    match request.thinking:
        case Enabled(budget):
            effort = next((effort for below, effort in _EFFORTS if budget < below), "high")
            yield "reasoning_effort", "thinking", effort
        case Disabled():
            yield "reasoning_effort", "thinking", "none"


def _format(request: MessagesRequest) -> Iterator[tuple[str, str, Any]]:
    config = request.output_config or OutputConfig()
    form = config.format or request.output_format
    if form is not None:
        schema = {"name": "response", "schema": form.schema, "strict": True}
        name = "output_config.format" if config.format else "output_format"
        yield "response_format", name, {"type": "json_schema", "json_schema": schema}


def _user(user_id: str, plain: bool) -> str:
    """The same user under a name that OpenAI takes."""
    too_long = plain and len(user_id) > _USER_MAX
    return hashlib.sha256(user_id.encode()).hexdigest() if too_long else user_id


def _says(value: Raw) -> bool:
    return bytes(value) != b"null"


def _add_others(fields: dict[str, Raw], body: Body, drops: Drops) -> None:
    """Fields that are Anthropic's alone are dropped, those that are nobody's go on."""
    for name, value in body.fields.items():
        support = FIELDS.get(name)
        if support is None:
            fields[name] = value
        elif support.how == "unsupported" and says_something(name, value):
            if name in _REFUSED and bytes(value) != b"[]":
                raise BadRequest(
                    f"'{name}' can't be given to this model's provider.", param=name, code="unsupported_parameter"
                )
            drops.drop(name)


def _misread(name: str, raw: Raw, error: Exception) -> BadRequest:
    """The error of a field that does not fit; a block that is unknown is named with its place."""
    if name == "messages" and isinstance(error, msgspec.ValidationError):
        for path, kind in _unknown_blocks(_tree.decode(raw)):
            return BadRequest(
                f"Blocks of type '{kind}' can't be given to this model's provider.",
                param=path,
                code="unsupported_content",
            )
    message, _, place = str(error).partition(" - at `$")
    param = name + re.sub(r"\[\.\.\.\]", "[]", place.rstrip("`"))
    return BadRequest(f"Invalid '{param}': {message}.", param=param, code="invalid_type")


def _unknown_blocks(messages: Any) -> Iterator[tuple[str, str]]:
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for at, block in enumerate(content if isinstance(content, list) else ()):
            kind = block.get("type") if isinstance(block, dict) else None
            if isinstance(kind, str) and kind not in _TYPES:
                yield f"messages[{index}].content[{at}]", kind
