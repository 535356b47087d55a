"""Tools and how they are chosen: https://ai.google.dev/api/caching#Tool"""

from typing import Any

from adapters.wire.chat import ChatRequest, FunctionDefinition, NamedChoice
from adapters.wire.fields import Drops

_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def drop_unsaid(request: ChatRequest, drops: Drops) -> None:
    """Note what tools say that Gemini has no words for."""
    for index, tool in enumerate(request.tools or ()):
        if tool.function is None:
            drops.drop(f"tools[{index}]")
        if tool.cache_control is not None:
            drops.drop(f"tools[{index}].cache_control")
    for name in request.web_search_options or ():
        drops.drop(f"web_search_options.{name}")


def encode_tools(request: ChatRequest, drops: Drops) -> dict[str, Any]:
    """`tools` and `toolConfig`, as far as there are any."""
    fields: dict[str, Any] = {}
    functions = [tool.function for tool in request.function_tools if tool.function is not None]
    tools: list[dict[str, Any]] = []
    if functions:
        tools.append({"functionDeclarations": [_declaration(each) for each in functions]})
        if config := _choice(request, functions):
            fields["toolConfig"] = {"functionCallingConfig": config}
    elif request.choice not in (None, "none", "auto"):
        drops.drop("tool_choice")
    if request.web_search_options is not None:
        tools.append({"googleSearch": {}})
    return fields | {"tools": tools} if tools else fields


def json_schema(schema: Any) -> Any:
    """A JSON Schema in the words that Gemini heeds; it means the same.

    Gemini takes any JSON Schema and heeds a part: it does not know `const`, and nothing beside a `$ref`.
    https://ai.google.dev/api/generate-content#FIELDS.response_json_schema
    """
    if not isinstance(schema, dict):
        return schema
    told = {name: _below(name, value) for name, value in schema.items()}
    if "const" in told and "enum" not in told and isinstance(told["const"], str | int | float):
        told["enum"] = [told.pop("const")]
    beside = [name for name in told if not name.startswith("$")]
    if "$ref" in told and beside and "anyOf" not in told:
        told["anyOf"] = [{"$ref": told.pop("$ref")}]
    return told


_SCHEMAS = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})


def _below(name: str, value: Any) -> Any:
    if name in _SCHEMAS:
        return json_schema(value)
    if name in _LISTS and isinstance(value, list):
        return [json_schema(each) for each in value]
    if name in _MAPS and isinstance(value, dict):
        return {key: json_schema(each) for key, each in value.items()}
    return value


def _declaration(function: FunctionDefinition) -> dict[str, Any]:
    told: dict[str, Any] = {"name": function.name}
    if function.description is not None:
        told["description"] = function.description
    if function.parameters:
        told["parametersJsonSchema"] = json_schema(function.parameters)
    return told


def _choice(request: ChatRequest, functions: list[FunctionDefinition]) -> dict[str, Any] | None:
    choice = request.choice
    if isinstance(choice, NamedChoice):
        return {"mode": "ANY", "allowedFunctionNames": [choice.function.name]}
    if choice in (None, "auto") and any(each.strict for each in functions):
        return {"mode": "VALIDATED"}  # as free as AUTO, and arguments fit their schemas
    return {"mode": _MODES[choice]} if choice is not None else None
