"""JSON Schemas in the part of the language that the service compiles.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
Rules that it does not know are told to the model in the description, as Anthropic's own SDKs do it
(`transform_schema`); answers are checked against the client's own schema, so nothing is lost.
"""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

import msgspec

_KEPT = frozenset({"$ref", "const", "default", "description", "enum", "required", "title", "type"})
_NAMED = ("properties", "$defs", "definitions")
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"})
_DEFINITION = re.compile(r"#/(?:\$defs|definitions)/[^/]+")
_DEPTH_MAX = 64

Schema: TypeAlias = dict[str, Any]


def compilable(schema: Schema) -> Schema | None:
    """A schema that the service compiles, to which only answers fit that fit the given one but for its finer rules.

    None where there is none: for objects whose members may have any name, schemas that hold themselves, references to
    other documents, and places where anything may stand.
    """
    try:
        _refuse_recursion(schema)
        return _converted(schema)
    except _NotCompilable:
        return None


class _NotCompilable(Exception):
    """A schema outside the service's part of the language."""


def _converted(schema: Any) -> Schema:
    if not isinstance(schema, dict):
        raise _NotCompilable
    result: Schema = {}
    told: Schema = {}
    for name, value in schema.items():
        match name, value:
            case ("enum", list()) if any(isinstance(each, dict | list) for each in value):
                raise _NotCompilable
            case (str(), _) if name in _KEPT:
                result[name] = value
            case (str(), dict()) if name in _NAMED:
                result[name] = {key: _converted(below) for key, below in value.items()}
            case ("anyOf" | "oneOf", list()) if "anyOf" not in result:
                result["anyOf"] = [_converted(below) for below in value]
            case ("allOf", [only]) if schema.keys().isdisjoint(inner := _converted(only)):
                result |= inner
            case ("allOf" | "anyOf" | "oneOf", _):
                raise _NotCompilable  # two of a kind can't be joined into one
            case ("items", _):
                result[name] = _converted(value)
            case ("minItems", 0 | 1):
                result[name] = value
            case ("format", str()) if value in _FORMATS:
                result[name] = value
            case (str(), _) if name != "additionalProperties":
                told[name] = value
    if not result.keys() & {"$ref", "anyOf", "const", "enum", "type"}:
        raise _NotCompilable
    _close(result, schema)
    return _described(result, told)


def _close(result: Schema, schema: Schema) -> None:
    """Let objects have only the members that are named."""
    kinds = result.get("type")
    if kinds != "object" and not (isinstance(kinds, list) and "object" in kinds):
        return
    more = schema.get("additionalProperties")
    if isinstance(more, dict) or (more is not False and not result.get("properties")):
        raise _NotCompilable
    result["additionalProperties"] = False


def _described(result: Schema, told: Schema) -> Schema:
    if not told:
        return result
    rules = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in told.items())
    before = f"{result['description']}\n\n" if "description" in result else ""
    return result | {"description": f"{before}{{{rules}}}"}


def _refuse_recursion(schema: Schema) -> None:
    """Follow every reference, and refuse one that leads back to itself or elsewhere than to a definition."""
    uses = {"#": set(_references(schema, _DEPTH_MAX))}
    for place in ("$defs", "definitions"):
        if isinstance(defined := schema.get(place), dict):
            uses |= {f"#/{place}/{name}": set(_references(below, _DEPTH_MAX)) for name, below in defined.items()}
    try:
        TopologicalSorter(uses).prepare()
    except CycleError:
        raise _NotCompilable from None


def _references(value: Any, depth: int) -> Iterator[str]:
    """The definitions that are referred to, or in which what is referred to lies."""
    if depth == 0:
        raise _NotCompilable
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            if (definition := _DEFINITION.match(reference)) is None:
                raise _NotCompilable
            yield definition[0]
        for below in value.values():
            yield from _references(below, depth - 1)
    elif isinstance(value, list):
        for below in value:
            yield from _references(below, depth - 1)
