"""The JSON Schema of `isthmus.yaml` for editors, made from `schema.py`: types, bounds and the words beside them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from config.catalogue import catalogue
from config.file_storage import FileStorage
from config.options import UNTOLD, Offered, OptionTypes
from config.safety import Check
from config.schema import Config, Provider
from config.vector_stores import Backend

Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{", "description": "${NAME} or ${NAME:-default}"}
_MODULE_PATH: Schema = {"type": "string", "pattern": "^[^:{}]+:[^:{}]+$", "description": "module:VALUE"}
_NULL: Schema = {"type": "null"}
_NOTES = ("default", "description", "examples")
_BOUNDED = ("enum", "pattern", "minLength", "maxLength")


def json_schema(option_types: Mapping[str, type[Struct]], offered: Offered = UNTOLD) -> Schema:
    """A draft 2020-12 schema that refuses nothing the loader takes.

    `option_types` are the known dialects and the types of their options; `offered` has the rest of what packages
    offer.
    """
    sections: list[tuple[type[Struct], str, OptionTypes | None]] = [
        (Provider, "dialect", option_types),
        (FileStorage, "store", offered.stores),
        (Backend, "type", offered.backends),
        (Check, "type", offered.checks),
    ]
    told = [(section, field, _types(types)) for section, field, types in sections if types is not None]
    types = (Config, *dict.fromkeys(each for _, _, known in told for each in known.values()))
    (root, *references), components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    for component in components.values():
        _loosen(component)
    for cls in _structs(msgspec.inspect.multi_type_info(types)):
        _describe(components[_component_name(cls, components)], _field_words(cls))
    provider = components[_component_name(Provider, components)]
    provider["properties"]["extends"] |= {"examples": sorted(catalogue().entries)}
    by_type = dict(zip(types[1:], references, strict=True))
    for section, field, known in told:
        by_name = {name: by_type[cls] for name, cls in known.items()}
        _add_options(components[_component_name(section, components)], field, by_name)
    return {"$schema": DRAFT, "title": "isthmus.yaml", **root, "$defs": components}


def _loosen(component: Schema) -> None:
    """Let variables stand for bounded values, and nothing for sections; in a provider null takes a row's value away."""
    for name, schema in component["properties"].items():
        optional = name not in component["required"]
        nullable = optional and (component["title"] == "Provider" or _is_container(schema))
        component["properties"][name] = _loosened(schema, nullable)


def _loosened(schema: Schema, nullable: bool) -> Schema:
    notes = {key: schema[key] for key in _NOTES if key in schema}
    bare = {key: value for key, value in schema.items() if key not in notes}
    choices = [_with_loose_parts(choice) for choice in bare.pop("anyOf", [bare])]
    if any(choice.get("type") in ("integer", "number", "boolean") or _is_bounded(choice) for choice in choices):
        choices.append(_VARIABLE)
    if nullable and _NULL not in choices:
        choices.append(_NULL)
    return {**(choices[0] if len(choices) == 1 else {"anyOf": choices}), **notes}


def _with_loose_parts(schema: Schema) -> Schema:
    loose = dict(schema)
    if "items" in schema:
        loose["items"] = _loosened(schema["items"], nullable=False)
    if isinstance(schema.get("additionalProperties"), dict):
        loose["additionalProperties"] = _loosened(schema["additionalProperties"], nullable=True)
    return loose


def _is_bounded(schema: Schema) -> bool:
    return any(key in schema for key in _BOUNDED)


def _is_container(schema: Schema) -> bool:
    return "$ref" in schema or schema.get("type") in ("array", "object")


def _describe(component: Schema, words: Mapping[str, str]) -> None:
    for name, text in words.items():
        if name in component["properties"]:
            component["properties"][name]["description"] = text


def _field_words(cls: type[Struct]) -> dict[str, str]:
    """The docstrings under the fields of a class, by the fields' names."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    words = {}
    for statement, following in pairwise(statements):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                words[name] = " ".join(text.split())
    return words


def _structs(types: Any) -> Iterator[type[Struct]]:
    """Every Struct in a tree of `msgspec.inspect` types."""
    for part in types:
        if isinstance(part, msgspec.inspect.StructType):
            yield part.cls
            yield from _structs(field.type for field in part.fields)
        elif isinstance(part, msgspec.inspect.UnionType):
            yield from _structs(part.types)
        elif isinstance(part, msgspec.inspect.ListType):
            yield from _structs([part.item_type])
        elif isinstance(part, msgspec.inspect.DictType):
            yield from _structs([part.value_type])


def _component_name(cls: type[Struct], components: Schema) -> str:
    """What msgspec calls it: the full name where two classes have the same."""
    return cls.__name__ if cls.__name__ in components else f"{cls.__module__}.{cls.__qualname__}"


def _types(option_types: OptionTypes) -> dict[str, type[Struct]]:
    return {name: options for name in option_types if (options := option_types[name]) is not None}


def _add_options(section: Schema, field: str, by_name: Mapping[str, Schema]) -> None:
    """Say which names a section's field may have, and what its `options` may hold with each."""
    named, options = section["properties"][field], section["properties"]["options"]
    notes = {key: named[key] for key in _NOTES if key in named}
    choices = [{"enum": sorted(by_name)}, _MODULE_PATH, _VARIABLE, *([] if field in section["required"] else [_NULL])]
    section["properties"][field] = {"anyOf": choices, **notes}
    distinct = list({reference["$ref"]: reference for reference in by_name.values()}.values())
    section["properties"]["options"] = {"type": ["object", "null"], "description": options["description"]}
    by_path = {"properties": {field: _MODULE_PATH}, "required": [field]}
    section["allOf"] = [
        {"if": by_path, "else": {"properties": {"options": {"anyOf": [*distinct, _NULL]}}}},
        *(
            {
                "if": {"properties": {field: {"const": name}}, "required": [field]},
                "then": {"properties": {"options": {"anyOf": [reference, _NULL]}}},
            }
            for name, reference in sorted(by_name.items())
        ),
    ]
