"""JSON Schemas in the part of the language that the service compiles.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
What it can't take is told to the model in the description, as Anthropic's own SDKs do it (`transform_schema`), and
answers are checked against the client's own schema.
"""

from typing import Any

import msgspec

_KEPT = frozenset({"$ref", "const", "description", "enum", "title", "type", "required", "default"})
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf")
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)  # fmt: skip
_DEPTH_MAX = 64

Schema = dict[str, Any]


def compilable(schema: Schema) -> Schema | None:
    """A schema that the service compiles and that nothing fits which the given one forbids in a way it could know.

    None where there is none: objects with members of any name, types told by nothing, references to other documents.
    """
    try:
        return _converted(schema, _DEPTH_MAX)
    except _NotCompilable:
        return None


class _NotCompilable(Exception):
    """A schema outside the service's part of the language."""


def _converted(schema: Any, depth: int) -> Schema:
    if not isinstance(schema, dict) or depth == 0:
        raise _NotCompilable
    result: Schema = {}
    told: Schema = {}
    for name, value in schema.items():
        if name in _KEPT:
            result[name] = value
        elif name in _NAMED:
            result[name] = {key: _converted(below, depth - 1) for key, below in _members(value)}
        elif name in _LISTED or name == "oneOf":
            result["anyOf" if name == "oneOf" else name] = [_converted(below, depth - 1) for below in _items(value)]
        elif name == "items":
            result[name] = _converted(value, depth - 1)
        elif (name == "minItems" and value in (0, 1)) or (name == "format" and value in _FORMATS):
            result[name] = value
        elif name != "additionalProperties":
            told[name] = value
    _check_reference(result)
    _close(result, schema)
    return _describe(result, told)


def _members(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _NotCompilable
    return value.items()


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _NotCompilable
    return value


def _check_reference(result: Schema) -> None:
    reference = result.get("$ref")
    if reference is not None and not str(reference).startswith("#/"):
        raise _NotCompilable
    if not result.keys() & {"$ref", "type", "enum", "const", *_LISTED}:
        raise _NotCompilable


def _close(result: Schema, schema: Schema) -> None:
    """Objects may only have the members that are named."""
    kinds = result.get("type")
    if kinds != "object" and not (isinstance(kinds, list) and "object" in kinds):
        return
    more = schema.get("additionalProperties")
    if isinstance(more, dict) or (more is not False and not result.get("properties")):
        raise _NotCompilable
    result["additionalProperties"] = False


def _describe(result: Schema, told: Schema) -> Schema:
    if told:
        said = f"{result['description']}\n\n" if "description" in result else ""
        rules = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in told.items())
        result["description"] = f"{said}{{{rules}}}"
    return result
