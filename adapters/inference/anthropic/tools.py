"""Tools, how they are to be chosen, and answers in a form.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from adapters.inference.anthropic.content import cached
from adapters.inference.anthropic.messages import called_tools
from adapters.inference.anthropic.models import Model
from adapters.inference.anthropic.schemas import compilable
from adapters.wire.body import Body
from adapters.wire.chat import ChatRequest, FunctionDefinition, NamedChoice
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops
from adapters.wire.structured import FORCED_TOOL, schema_of

Tool: TypeAlias = dict[str, Any] | Raw

_tools = msgspec.json.Decoder(list[Raw])
_names = msgspec.json.Decoder(dict[str, Any])
_ANYTHING = {"type": "object"}
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search"}


class Toolbox(Struct):
    """What a request says of tools and of the answer's form."""

    tools: list[Tool]
    choice: dict[str, Any] | None = None
    format: dict[str, Any] | None = None

    @property
    def is_forced(self) -> bool:
        """Whether the model has to call a tool."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def toolbox(request: ChatRequest, body: Body, model: Model, drops: Drops) -> Toolbox:
    """The tools, the choice among them and the answer's form. Raises BadRequest on a schema that can't be taken."""
    box = Toolbox(_defined(request, body, model, drops))
    if box.tools:
        box.choice = _choice(request, model, drops)
    if request.web_search_options is not None:
        box.tools.append(_web_search(request.web_search_options, drops))
    if not box.tools and (names := called_tools(request.messages)):
        # The service wants tools to be defined where the conversation has calls.
        box.tools = [{"name": name, "input_schema": _ANYTHING} for name in names]
        box.choice = {"type": "none"}
    _put_into_form(box, request, model, drops)
    return box


def _defined(request: ChatRequest, body: Body, model: Model, drops: Drops) -> list[Tool]:
    found: list[Tool] = []
    raw = _tools.decode(body.fields["tools"]) if request.tools else []
    for index, (tool, written) in enumerate(zip(request.tools or (), raw, strict=True)):
        if tool.function is not None:
            told = _function(tool.function, f"tools[{index}].function", model, drops)
            found.append(cached(told, tool.cache_control))
        elif "name" in _names.decode(written):  # one that the service knows itself, in its own form
            found.append(written)
        else:
            drops.drop(f"tools[{index}]")
    found += (
        _function(function, f"functions[{index}]", model, drops)
        for index, function in enumerate(request.functions or ())
    )
    return found


def _function(function: FunctionDefinition, param: str, model: Model, drops: Drops) -> dict[str, Any]:
    schema = {"type": "object"} | function.parameters if function.parameters else _NOTHING
    told: dict[str, Any] = {"name": function.name, "input_schema": schema}
    if function.description:
        told["description"] = function.description
    if function.strict:
        strict = compilable(schema) if model.fits_schemas else None
        if strict is not None:
            told |= {"input_schema": strict, "strict": True}
        else:
            drops.drop(f"{param}.strict")
    return told


def _choice(request: ChatRequest, model: Model, drops: Drops) -> dict[str, Any] | None:
    """https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools#controlling-claudes-output"""
    choice: dict[str, Any] = {"type": "auto"}
    match request.choice:
        case "none":
            return {"type": "none"}
        case "required" | NamedChoice() if not model.can_be_forced:
            drops.drop("tool_choice")
        case "required":
            choice = {"type": "any"}
        case NamedChoice(function=function):
            choice = {"type": "tool", "name": function.name}
        case None if request.parallel_tool_calls is not False:
            return None
    return choice | {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False else choice


def _web_search(options: dict[str, Any], drops: Drops) -> Tool:
    """https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool"""
    if options.get("search_context_size", "medium") != "medium":
        drops.drop("web_search_options.search_context_size")
    location = options.get("user_location")
    if not isinstance(location, dict):
        return dict(_WEB_SEARCH)
    place = location.get("approximate")
    return _WEB_SEARCH | {"user_location": {"type": "approximate"} | (place if isinstance(place, dict) else {})}


def _put_into_form(box: Toolbox, request: ChatRequest, model: Model, drops: Drops) -> None:
    """An answer in a form: natively where the service has it, else as the arguments of a tool that must be called."""
    schema = schema_of(request.response_format)
    if schema is None or request.response_format is None:
        return
    named = request.response_format.json_schema
    if model.fits_schemas and named is not None and (native := compilable(schema)) is not None:
        if named.description:
            native.setdefault("description", named.description)
        box.format = {"type": "json_schema", "schema": native}
        return
    if box.is_forced:
        return  # the answer is a call
    if not model.can_be_forced:
        drops.drop("response_format")
        return
    _check_form(schema)
    description = (named.description if named is not None else None) or "Give your answer with this tool."
    may_call = bool(box.tools) and box.choice != {"type": "none"}
    one = {"disable_parallel_tool_use": True}
    box.tools = [*box.tools, {"name": FORCED_TOOL, "description": description, "input_schema": schema}]
    box.choice = {"type": "any"} if may_call else {"type": "tool", "name": FORCED_TOOL} | one
    if may_call and request.parallel_tool_calls is False:
        box.choice |= one


def _check_form(schema: dict[str, Any]) -> None:
    if schema.get("type") != "object" or schema.keys() & {"anyOf", "oneOf", "allOf"}:
        raise BadRequest(
            "This model can only answer in JSON objects: the schema must be of type object, without alternatives.",
            param="response_format.json_schema.schema",
            code="unsupported_schema",
        )
