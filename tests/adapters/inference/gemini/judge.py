"""What Google's own SDK makes of a request: its types refuse every field that they do not know."""

import base64
import json
from typing import Any

from google.genai import types
from pydantic import TypeAdapter

_MEMBERS: dict[str, TypeAdapter[Any]] = {
    "contents": TypeAdapter(list[types.Content]),
    "systemInstruction": TypeAdapter(types.Content),
    "tools": TypeAdapter(list[types.Tool]),
    "toolConfig": TypeAdapter(types.ToolConfig),
    "generationConfig": TypeAdapter(types.GenerationConfig),
    "safetySettings": TypeAdapter(list[types.SafetySetting]),
    "modelArmorConfig": TypeAdapter(types.ModelArmorConfig),
    "serviceTier": TypeAdapter(types.ServiceTier),
    "cachedContent": TypeAdapter(str),
    "labels": TypeAdapter(dict[str, str]),
}


def judged(body: dict[str, Any]) -> dict[str, Any]:
    """A request in the one form that the SDK gives it; raises on a field that Google does not have.

    Schemas in Google's own words become JSON Schema, which says the same.
    """
    told = {name: _judged(name, value) for name, value in body.items()}
    config = told.get("generationConfig", {})
    if schema := config.pop("responseSchema", None):
        config["responseJsonSchema"] = _json_schema(schema)
    for tool in told.get("tools", ()):
        for function in tool.get("functionDeclarations", ()):
            if (schema := function.pop("parameters", None)) is not None:
                function["parametersJsonSchema"] = _json_schema(schema)
    return {name: value for name, value in told.items() if value not in ({}, [])}


def _judged(name: str, value: Any) -> Any:
    kind = _MEMBERS[name]
    if name == "generationConfig" and "imageConfig" in value:  # known to the SDK in the request as a whole
        image = TypeAdapter(types.ImageConfig).validate_python(value["imageConfig"]).model_dump(exclude_none=True)
        rest = {key: each for key, each in value.items() if key != "imageConfig"}
        return _judged(name, rest) | {"imageConfig": image}
    read = kind.validate_python(value)
    return json.loads(kind.dump_json(read, by_alias=True, exclude_none=True))


def _json_schema(schema: Any) -> Any:
    """Google's schema as JSON Schema: types in small letters, and no order of properties."""
    if isinstance(schema, list):
        return [_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _json_schema(value) for name, value in schema.items() if name != "propertyOrdering"}
    if isinstance(told.get("type"), str):
        told["type"] = told["type"].lower()
    return told


def signature(text: str) -> str:
    """A signature in the alphabet that the SDK writes."""
    padded = text + "=" * (-len(text) % 4)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded.translate({43: "-", 47: "_"}))).decode()
