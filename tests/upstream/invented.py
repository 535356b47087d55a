"""A value that fits a JSON Schema, made of what the prompt says."""

import re
from typing import Any

_QUOTED = re.compile(r"['\"“‘]([^'\"”’]+)['\"”’]")
_NUMBER = re.compile(r"-?\d+")


def invent(schema: dict[str, Any], prompt: str) -> Any:
    """The value. It knows the keywords that the clients of our tests write."""
    return _Inventor(schema, prompt).value(schema, "value")


class _Inventor:
    def __init__(self, root: dict[str, Any], prompt: str) -> None:
        self._root = root
        self._prompt = prompt
        self._quoted = iter(_QUOTED.findall(prompt))
        self._numbers = iter(_NUMBER.findall(prompt))

    def value(self, schema: dict[str, Any], name: str) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type", "object" if "properties" in schema else "string"):
            case "object":
                properties = schema.get("properties") or {}
                if not properties and schema.get("additionalProperties") is True:
                    return {each: f"some {each}" for each in self._quoted}
                return {each: self.value(inner, each) for each, inner in properties.items()}
            case "array":
                return [self.value(schema.get("items") or {}, name)]
            case "integer":
                return int(next(self._numbers, "1"))
            case "number":
                return float(next(self._numbers, "1"))
            case "boolean":
                return True
            case "null":
                return None
        return next(self._quoted, f"some {name}")

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            target: Any = self._root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                options = [each for each in schema[choice] if each.get("type") != "null"]
                return self._resolved(options[0])
        if isinstance(schema.get("type"), list):
            return {**schema, "type": next(each for each in schema["type"] if each != "null")}
        return schema
