"""Chat requests, from OpenAI's format to that of `POST /api/chat`.

https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.contract import Encoded, Target
from adapters.inference.ollama.messages import encode_messages
from adapters.wire.body import Body, decode_field
from adapters.wire.chat import ChatRequest, FunctionDefinition, ToolDefinition, read_chat
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for
from adapters.wire.structured import ANY_OBJECT, schema_of

FIELDS: Fields = {
    "model": KEPT,
    "messages": Support("mapped", "images and sound in base64 only"),
    "stream": KEPT,
    "stream_options": Support("emulated", "streams tell usage unasked"),
    "tools": KEPT,
    "functions": Support("mapped", "tools"),
    "tool_choice": Support("emulated", "none leaves the tools out; required and a named tool are reported"),
    "function_call": Support("emulated", "as tool_choice"),
    "response_format": Support("mapped", "format"),
    "reasoning_effort": Support("mapped", "think"),
    "max_completion_tokens": Support("mapped", "options.num_predict"),
    "max_tokens": Support("mapped", "options.num_predict"),
    "temperature": Support("mapped", "options.temperature"),
    "top_p": Support("mapped", "options.top_p"),
    "stop": Support("mapped", "options.stop"),
    "seed": Support("mapped", "options.seed"),
    "frequency_penalty": Support("mapped", "options.frequency_penalty"),
    "presence_penalty": Support("mapped", "options.presence_penalty"),
    "logprobs": KEPT,
    "top_logprobs": KEPT,
    "ollama": MAPPED,
    **dict.fromkeys(
        (
            "audio",
            "logit_bias",
            "metadata",
            "modalities",
            "moderation",
            "n",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "user",
            "verbosity",
            "web_search_options",
        ),
        UNSUPPORTED,
    ),
}
"""Every field of OpenAI's request."""

_MEMBERS = ("format", "keep_alive", "shift", "think", "truncate")
OPTIONS = (
    "min_p",
    "num_ctx",
    "num_keep",
    "num_predict",
    "repeat_last_n",
    "repeat_penalty",
    "top_k",
    "typical_p",
)
NATIVE = frozenset({*_MEMBERS, *OPTIONS, "options"})
"""Ollama's own fields, which may stand at the top level of a request."""
RESERVED = frozenset({"messages", "model", "stream"})
"""What `ollama` may not set."""

# Efforts beyond Ollama's are taken for the nearest, as its own OpenAI surface does:
# https://github.com/ollama/ollama/blob/main/openai/openai.go, thinkFromReasoningEffort
_THINK: dict[str, bool | str] = {"none": False, "minimal": "low", "xhigh": "max"}

_members = msgspec.json.Decoder(dict[str, Raw] | None)
_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def encode(body: Body, target: Target) -> Encoded:
    """The request for Ollama; its own fields win over those of OpenAI that mean the same, those in `ollama` over all.

    Raises BadRequest and UnsupportedParameter.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_chat(body)
    drops.drop_unexpressed(body.fields, FIELDS, own="ollama", native=NATIVE)
    for path in request.unknown:
        drops.drop(path, "unknown")
    asked: dict[str, Any] = {
        "model": target.model_json,
        "messages": encode_messages(request.messages, drops),
        "stream": body.stream,
        "tools": _tools(request, drops),
        "format": _format(request, drops),
        "think": _think(request),
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
    }
    extras = vendor_extras(body, "ollama", RESERVED)
    options = _options(request, drops) | merge_options(body, extras)
    asked["options"] = options or None
    asked |= {name: body.fields[name] for name in _MEMBERS if name in body.fields} | extras
    return Encoded(_encode(without_nulls(asked)), drops.dropped)


def without_nulls(asked: dict[str, Any]) -> dict[str, Any]:
    """The members that say something."""
    return {name: value for name, value in asked.items() if value is not None and value != _NULL}


def merge_options(body: Body, extras: dict[str, Raw]) -> dict[str, Raw]:
    """Ollama's own options: single ones, those in `options`, and those in `ollama.options`, which are taken out."""
    single = {name: body.fields[name] for name in OPTIONS if name in body.fields}
    given = decode_field(body.fields, "options", _members) or {}
    special = decode_field(extras, "options", _members) or {}
    extras.pop("options", None)
    return without_nulls(single | given | special)


def _options(request: ChatRequest, drops: Drops) -> dict[str, Any]:
    """What Ollama has among its options."""
    if request.max_tokens is not None and request.max_tokens != request.most_tokens:
        drops.shadow("max_tokens")
    options = {
        "num_predict": request.most_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stops or None,
        "seed": request.seed,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
    }
    return without_nulls(options)


def _think(request: ChatRequest) -> bool | str | None:
    effort = request.reasoning_effort
    return effort if effort is None else _THINK.get(effort, effort)


def _format(request: ChatRequest, drops: Drops) -> Any:
    """`json`, or the schema."""
    asked = request.response_format
    schema = schema_of(asked)
    if asked is not None and asked.json_schema is not None and asked.json_schema.description:
        drops.drop("response_format.json_schema.description")
    return "json" if schema is ANY_OBJECT else schema


def _tools(request: ChatRequest, drops: Drops) -> list[dict[str, Any]] | None:
    choice = request.choice
    if choice not in (None, "auto", "none"):
        drops.drop("tool_choice" if request.tool_choice is not None else "function_call")
    for index, tool in enumerate(request.tools or ()):
        _report_tool(tool, f"tools[{index}]", drops)
    if choice == "none":
        return None
    return [_tool(tool.function) for tool in request.function_tools if tool.function is not None] or None


def _tool(function: FunctionDefinition) -> dict[str, Any]:
    told: dict[str, Any] = {"name": function.name, "parameters": function.parameters or _NO_PARAMETERS}
    if function.description is not None:
        told["description"] = function.description
    return {"type": "function", "function": told}


def _report_tool(tool: ToolDefinition, place: str, drops: Drops) -> None:
    if tool.function is None:
        drops.drop(place)  # one that a service would run itself
    elif tool.function.strict:
        drops.drop(f"{place}.function.strict")
    if tool.cache_control:
        drops.drop(f"{place}.cache_control")
