"""The JSON Schema of `isthmus.yaml` for editors, made from `schema.py`: types, bounds and the words beside them."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from config.catalogue import catalogue
from config.schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "a variable: ${NAME} or ${NAME:-default}"}
_NULL = {"type": "null"}


def json_schema(option_types: Mapping[str, type[Struct]]) -> dict[str, Any]:
    """A draft 2020-12 schema that takes what the loader takes, as far as a schema can tell.

    `option_types` are the known dialects and the types of their options.
    """
    types = (Config, *dict.fromkeys(option_types.values()))
    (root, *options), components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    for cls in _structs(types):
        _document(components[_name(cls, components)], cls)
    provider = components["Provider"]["properties"]
    provider["dialect"] |= {"enum": sorted(option_types)}
    provider["extends"] |= {"examples": sorted(catalogue().entries)}
    by_type = dict(zip(types[1:], options, strict=True))
    ...
    return {"$schema": DIALECT, "title": "isthmus.yaml", **root, "$defs": components}
