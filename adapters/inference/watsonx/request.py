"""Chat requests, from OpenAI's format to that of `POST /ml/v1/text/chat`, which is close to it.

https://cloud.ibm.com/apidocs/watsonx-ai#text-chat
"""

from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.contract import Encoded, Target
from adapters.inference.watsonx.messages import encode_messages
from adapters.wire.body import Body
from adapters.wire.chat import ChatRequest, FunctionDefinition, NamedChoice, ToolDefinition, read_chat
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import KEPT, MAPPED, UNSUPPORTED, Drops, Fields, Support, drops_for
from adapters.wire.structured import schema_of

_KEPT = (
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "presence_penalty",
    "seed",
    "temperature",
    "top_logprobs",
    "top_p",
)

FIELDS: Fields = {
    "model": Support("mapped", "model_id, or a deployment in the URL"),
    "messages": Support("mapped", "text, images, sound and video"),
    "stream": Support("mapped", "a path of its own"),
    "stream_options": Support("emulated", "streams tell usage unasked"),
    **dict.fromkeys(_KEPT, KEPT),
    "stop": Support("mapped", "an array"),
    "tools": KEPT,
    "functions": Support("mapped", "tools"),
    "tool_choice": Support("mapped", "tool_choice_option, or tool_choice for a named tool"),
    "function_call": Support("mapped", "as tool_choice"),
    "response_format": KEPT,
    "reasoning_effort": Support("mapped", "low, medium and high; none as chat_template_kwargs.thinking"),
    "watsonx": MAPPED,
    **dict.fromkeys(
        (
            "audio",
            "metadata",
            "modalities",
            "moderation",
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

NATIVE = frozenset(
    {
        "chat_template_kwargs",
        "context",
        "guided_choice",
        "guided_grammar",
        "guided_json",
        "guided_regex",
        "include_reasoning",
        "length_penalty",
        "repetition_penalty",
        "time_limit",
    }
)
"""The service's own fields, which may stand at the top level of a request."""
RESERVED = frozenset({"messages", "model", "model_id", "project_id", "space_id", "stream"})
"""What `watsonx` may not set."""

_DEPLOYMENT = "deployment/"
_EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}
"""What the service does not know, and the nearest that it does."""
_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")


def encode(body: Body, target: Target) -> Encoded:
    """The request; the service's own fields win over OpenAI's that mean the same, and those in `watsonx` over all.

    Raises BadRequest and UnsupportedParameter.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_chat(body)
    drops.drop_unexpressed(body.fields, FIELDS, own="watsonx", native=NATIVE)
    for path in request.unknown:
        drops.drop(path, "unknown")
    asked: dict[str, Any] = {"model_id": target.model_json, **whose(target)} if deployment_of(target) is None else {}
    asked["messages"] = encode_messages(request.messages, drops)
    asked |= {name: body.fields[name] for name in _KEPT if name in body.fields}
    asked |= {
        "stop": request.stops or None,
        "tools": _tools(request, drops),
        "response_format": _format(request, drops),
        **_choice(request),
        **_effort(request),
    }
    asked |= {name: body.fields[name] for name in NATIVE if name in body.fields}
    asked |= vendor_extras(body, "watsonx", RESERVED)
    told = {name: value for name, value in asked.items() if value is not None and value != _NULL}
    return Encoded(_encode(told), drops.dropped)


def deployment_of(target: Target) -> str | None:
    """The id or name of a deployment, which stands for a model as `deployment/NAME`."""
    return target.model.removeprefix(_DEPLOYMENT) if target.model.startswith(_DEPLOYMENT) else None


def whose(target: Target) -> dict[str, str]:
    """Who pays: the project, or the space where no project is named."""
    options = target.options
    if options.project_id:
        return {"project_id": options.project_id}
    return {"space_id": options.space_id} if options.space_id else {}


def _choice(request: ChatRequest) -> dict[str, Any]:
    choice = request.choice
    if isinstance(choice, NamedChoice):
        return {"tool_choice": {"type": "function", "function": {"name": choice.function.name}}}
    return {"tool_choice_option": choice}


def _effort(request: ChatRequest) -> dict[str, Any]:
    """`none` switches thinking off the way that IBM's own package does (`Thinking` of its Java SDK)."""
    effort = request.reasoning_effort
    if effort == "none":
        return {"chat_template_kwargs": {"thinking": False}}
    return {"reasoning_effort": effort if effort is None else _EFFORTS.get(effort, effort)}


def _format(request: ChatRequest, drops: Drops) -> dict[str, Any] | None:
    asked = request.response_format
    if asked is None or (schema := schema_of(asked)) is None:
        return None
    if asked.type == "json_object" or asked.json_schema is None:
        return {"type": asked.type}
    if asked.json_schema.description:
        drops.drop("response_format.json_schema.description")
    told: dict[str, Any] = {"name": asked.json_schema.name, "schema": schema}
    if asked.json_schema.strict is not None:
        told["strict"] = asked.json_schema.strict
    return {"type": "json_schema", "json_schema": told}


def _tools(request: ChatRequest, drops: Drops) -> list[dict[str, Any]] | None:
    for index, tool in enumerate(request.tools or ()):
        _report_tool(tool, f"tools[{index}]", drops)
    return [_tool(tool.function) for tool in request.function_tools if tool.function is not None] or None


def _tool(function: FunctionDefinition) -> dict[str, Any]:
    told = {"name": function.name, "description": function.description, "parameters": function.parameters}
    return {"type": "function", "function": {name: value for name, value in told.items() if value is not None}}


def _report_tool(tool: ToolDefinition, place: str, drops: Drops) -> None:
    if tool.function is None:
        drops.drop(place)  # one that a service would run itself
    elif tool.function.strict:
        drops.drop(f"{place}.function.strict")
    if tool.cache_control:
        drops.drop(f"{place}.cache_control")
