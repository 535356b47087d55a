"""Chat requests as Cohere takes them.

https://docs.cohere.com/reference/chat
"""

from typing import Any

import msgspec

from adapters.inference.cohere.messages import conversation
from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body, decode_field
from adapters.wire.chat import ChatRequest, NamedChoice, ToolDefinition, read_chat
from adapters.wire.errors import BadRequest
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, UNSUPPORTED, Drops, Fields, Support, drops_for
from adapters.wire.structured import ANY_OBJECT, FORCED_TOOL, asked_schema, schema_of

DIALECT = "cohere"

FIELDS: Fields = {
    "audio": UNSUPPORTED,
    "frequency_penalty": Support("kept", "0 to 1"),
    "function_call": Support("mapped", "as tool_choice"),
    "functions": Support("mapped", "as tools"),
    "logit_bias": UNSUPPORTED,
    "logprobs": Support("kept", "of pieces of text, which may be of several tokens"),
    "max_completion_tokens": Support("mapped", "as max_tokens"),
    "max_tokens": KEPT,
    "messages": Support("mapped", "text files as documents"),
    "metadata": UNSUPPORTED,
    "modalities": UNSUPPORTED,
    "model": KEPT,
    "n": UNSUPPORTED,
    "parallel_tool_calls": UNSUPPORTED,
    "prediction": UNSUPPORTED,
    "presence_penalty": Support("kept", "0 to 1"),
    "prompt_cache_key": UNSUPPORTED,
    "prompt_cache_retention": UNSUPPORTED,
    "reasoning_effort": Support("mapped", "as thinking: off, or a token_budget up to medium, or none above"),
    "response_format": Support("mapped", "as json_object with json_schema; beside tools by a tool that must be called"),
    "safety_identifier": UNSUPPORTED,
    "seed": KEPT,
    "service_tier": UNSUPPORTED,
    "stop": Support("mapped", "as stop_sequences"),
    "store": UNSUPPORTED,
    "stream": KEPT,
    "stream_options": Support("emulated", "Cohere always tells usage"),
    "temperature": KEPT,
    "tool_choice": Support("mapped", "one tool by name: the others are not shown"),
    "tools": Support("mapped", "strict for one of them is strict_tools for all"),
    "top_logprobs": UNSUPPORTED,
    "top_p": Support("mapped", "as p, up to 0.99"),
    "user": UNSUPPORTED,
    "verbosity": UNSUPPORTED,
    "web_search_options": UNSUPPORTED,
}
NATIVE = ("citation_options", "documents", "k", "priority", "safety_mode", "strict_tools", "thinking", "top_k")
"""Cohere's own fields that a client may write at the top level; `top_k` is what others call `k`."""

_RESERVED = frozenset({"model", "messages", "stream"})
"""What no extra may change."""
_BUDGETS = {"minimal": 512, "low": 1_024, "medium": 4_096}
"""Tokens of thought. Without a budget a model thinks as long as it likes."""
_P_MOST = 0.99
_AUTO = b'"auto"'

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder(Any)
_list = msgspec.json.Decoder(list[Any] | None)


def encode_chat(body: Body, target: Target) -> Encoded:
    """A chat request for Cohere.

    Raises BadRequest on what it can't take, and UnsupportedParameter where such fields are to be refused.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    given = drops.without(body, target.settings.unsupported)
    request = read_chat(given)
    drops.drop_unexpressed(given.fields, FIELDS, own=DIALECT, native=NATIVE)
    for path in request.unknown:
        drops.drop(path, "unknown")
    said = conversation(request.messages, drops)
    extras = _extras(given)
    if said.documents:
        extras["documents"] = said.documents + (extras.get("documents") or [])
    fields: dict[str, Any] = {"model": target.model_json, "messages": said.messages, "stream": body.stream}
    fields |= _tools(request, drops) | _settings(request)
    return Encoded(_encode(fields | extras), drops.dropped)


def stands_in(body: Body, target: Target) -> bool:
    """Whether an answer in JSON comes as the arguments of a tool: beside tools Cohere takes no `response_format`."""
    withheld = target.settings.unsupported
    return (
        is_judged(body, target)
        and any(name not in withheld and decode_field(body.fields, name, _list) for name in ("tools", "functions"))
        and all(bytes(body.fields.get(name, _AUTO)) in (b"null", _AUTO) for name in ("tool_choice", "function_call"))
    )


def is_judged(body: Body, target: Target) -> bool:
    """Whether an answer must fit a schema."""
    asked = "response_format" in body.fields and "response_format" not in target.settings.unsupported
    return asked and asked_schema(body) is not None


def _settings(request: ChatRequest) -> dict[str, Any]:
    """The fields that say how to answer, without those that say nothing."""
    told = {
        "max_tokens": request.most_tokens,
        "temperature": request.temperature,
        "p": min(request.top_p, _P_MOST) if request.top_p is not None else None,
        "stop_sequences": request.stops or None,
        "seed": request.seed,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logprobs": request.logprobs or None,
        "thinking": _thinking(request.reasoning_effort),
    }
    return {name: value for name, value in told.items() if value is not None}


def _thinking(effort: str | None) -> dict[str, Any] | None:
    """https://docs.cohere.com/docs/reasoning"""
    if effort is None:
        return None
    if effort == "none":
        return {"type": "disabled"}
    budget = _BUDGETS.get(effort)
    return {"type": "enabled"} | ({"token_budget": budget} if budget is not None else {})


def _tools(request: ChatRequest, drops: Drops) -> dict[str, Any]:
    """Tools, the choice among them, and the form of the answer."""
    _drop_inexpressible(request, drops)
    strict = any(tool.function and tool.function.strict for tool in request.function_tools)
    tools = [_tool(tool) for tool in request.function_tools]
    response_format = _response_format(request)
    chosen: dict[str, Any] = {}
    match request.choice:
        case _ if not tools:
            return response_format
        case "none" if response_format:
            return response_format
        case "none":
            chosen["tool_choice"] = "NONE"
        case "required":
            chosen["tool_choice"] = "REQUIRED"
        case NamedChoice(function=named):
            tools = [tool for tool in tools if tool["function"]["name"] == named.name]
            chosen["tool_choice"] = "REQUIRED"
            if not tools:
                raise BadRequest(f"'tool_choice' names '{named.name}', which is not in 'tools'.", param="tool_choice")
        case _ if (schema := schema_of(request.response_format)) is not None:
            tools.append(_function(FORCED_TOOL, "Give the answer to the user.", schema))
            chosen["tool_choice"] = "REQUIRED"
            strict = strict or _is_strict(request)
    return {"tools": tools} | chosen | ({"strict_tools": True} if strict else {})


def _drop_inexpressible(request: ChatRequest, drops: Drops) -> None:
    for place, tool in enumerate(request.tools or ()):
        if tool.function is None:
            drops.drop(f"tools[{place}]")
        elif tool.cache_control is not None:
            drops.drop(f"tools[{place}].cache_control")
    asked = request.response_format
    if asked is not None and asked.json_schema is not None and asked.json_schema.description is not None:
        drops.drop("response_format.json_schema.description")


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    assert tool.function is not None  # noqa: S101 - only such are function tools
    return _function(tool.function.name, tool.function.description, tool.function.parameters)


def _function(name: str, description: str | None, parameters: dict[str, Any] | None) -> dict[str, Any]:
    described = {"description": description} if description is not None else {}
    schema = parameters if parameters is not None else {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": name} | described | {"parameters": schema}}


def _response_format(request: ChatRequest) -> dict[str, Any]:
    """https://docs.cohere.com/v2/docs/structured-outputs"""
    schema = schema_of(request.response_format)
    if schema is None:
        return {}
    form: dict[str, Any] = {"type": "json_object"}
    if schema is not ANY_OBJECT:
        form["json_schema"] = schema
    return {"response_format": form}


def _is_strict(request: ChatRequest) -> bool:
    asked = request.response_format
    return asked is not None and asked.json_schema is not None and bool(asked.json_schema.strict)


def _extras(body: Body) -> dict[str, Any]:
    """Cohere's own fields; those in the member of its name win."""
    native = {name: value for name, value in body.fields.items() if name in NATIVE}
    extras = {name: _any.decode(value) for name, value in (native | vendor_extras(body, DIALECT, _RESERVED)).items()}
    if "top_k" in extras:
        extras.setdefault("k", extras.pop("top_k"))
    return {name: value for name, value in extras.items() if value is not None}
