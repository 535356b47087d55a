"""Tool calls that a request demands, for an engine that does not enforce them.

llama.cpp takes `tool_choice` and leaves it to the model (https://github.com/ggml-org/llama.cpp/issues/27217); a small
model then talks instead of calling. So the functions become a JSON schema that the answer must fit, which llama.cpp
does enforce, and the answer becomes a tool call again.
"""

import re
import secrets
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import decode_field
from adapters.wire.errors import BadRequest

_NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}
_CALL_START = re.compile(r'\s*\{\s*"name"\s*:\s*"((?:[^"\\]|\\.)*)"\s*,\s*"arguments"\s*:\s*')


class Function(Struct):
    """A function that the request offers."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(Struct):
    """A tool that the request offers; functions are the only ones there are."""

    type: Literal["function"]
    function: Function


class NamedFunction(Struct):
    """The function that a request demands."""

    name: str


class NamedTool(Struct):
    """The tool that a request demands."""

    type: Literal["function"]
    function: NamedFunction


_tools = msgspec.json.Decoder(list[Tool] | None)
_choice = msgspec.json.Decoder(Literal["none", "auto", "required"] | NamedTool | None)


class Demand(Struct, frozen=True):
    """A call that the answer must be."""

    schema: dict[str, Any]
    """What the model's text must fit."""
    instruction: str
    """What the model is told, since its template may show it no tools."""
    name: str | None
    """The function; None where the model chooses one and names it in its text."""


def demanded(fields: dict[str, Raw]) -> Demand | None:
    """The call that `tools` and `tool_choice` demand, None where the model is free.

    Raises BadRequest on tools that can't be read and on a choice that is not among them.
    """
    functions = [tool.function for tool in decode_field(fields, "tools", _tools) or []]
    choice = decode_field(fields, "tool_choice", _choice)
    if choice is None or choice in ("none", "auto"):
        return None
    if isinstance(choice, NamedTool):
        wanted = choice.function.name
        functions = [function for function in functions if function.name == wanted]
        if not functions:
            raise BadRequest(f"'tool_choice' names '{wanted}', which is not among 'tools'.", param="tool_choice")
    if not functions:
        raise BadRequest("'tool_choice' demands a call, and 'tools' is empty.", param="tools")
    return _of_one(functions[0]) if len(functions) == 1 else _of_many(functions)


def _of_one(function: Function) -> Demand:
    schema = function.parameters or _NO_PARAMETERS
    instruction = (
        f"Answer with the arguments of a call of the function {_described(function)}, "
        f"as a JSON object that fits this schema:\n{_json(schema)}"
    )
    return Demand(schema, instruction, function.name)


def _of_many(functions: list[Function]) -> Demand:
    """Each function's schema goes under `$defs` whole, so that its own references stay right."""
    parameters = [function.parameters or _NO_PARAMETERS for function in functions]
    schema = {
        "$defs": {f"f{i}": _moved(schema, f"#/$defs/f{i}") for i, schema in enumerate(parameters)},
        "anyOf": [
            {
                "type": "object",
                "properties": {"name": {"const": function.name}, "arguments": {"$ref": f"#/$defs/f{i}"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for i, function in enumerate(functions)
        ],
    }
    offered = "\n".join(
        f"{_described(function)}, with arguments that fit {_json(schema)}"
        for function, schema in zip(functions, parameters, strict=True)
    )
    instruction = f'Answer with a call of one of these functions, as JSON {{"name": ..., "arguments": ...}}:\n{offered}'
    return Demand(schema, instruction, None)


def _described(function: Function) -> str:
    return f"{function.name} ({function.description})" if function.description else function.name


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _moved(schema: Any, base: str) -> Any:
    """A schema whose references into itself are right when it stands at `base`."""
    if isinstance(schema, dict):
        return {
            key: base + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _moved(value, base)
            for key, value in schema.items()
        }
    return [_moved(item, base) for item in schema] if isinstance(schema, list) else schema


class CallReader:
    """Turns the text of a demanded call into deltas of `tool_calls`, as the text comes in."""

    def __init__(self, demand: Demand) -> None:
        self._name = demand.name
        self._id = f"call_{secrets.token_hex(12)}"
        self._begun = False
        self._text = ""
        """Before the function is known: all of the text. After: nothing, or the arguments' last bytes."""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._ended = False

    def feed(self, text: str) -> list[dict[str, Any]]:
        """Take the next piece of text; give the deltas it makes, in OpenAI's shape."""
        self._text += text
        deltas: list[dict[str, Any]] = []
        if not self._begun:
            name = self._name or self._named()
            if name is None:
                return []
            self._begun = True
            function = {"name": name, "arguments": ""}
            deltas.append({"index": 0, "id": self._id, "type": "function", "function": function})
        if arguments := self._arguments():
            deltas.append({"index": 0, "function": {"arguments": arguments}})
        return deltas

    def _named(self) -> str | None:
        """The function that the text names, once it has."""
        start = _CALL_START.match(self._text)
        if start is None:
            return None
        self._text = self._text[start.end() :]
        name: str = msgspec.json.decode(f'"{start[1]}"'.encode(), type=str)
        return name

    def _arguments(self) -> str:
        """What of the text belongs to the arguments: up to the brace that closes them."""
        text, self._text = self._text, ""
        if self._ended:
            return ""
        for place, character in enumerate(text):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = character == "\\"
                self._in_string = character != '"'
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self._ended = True
                    return text[: place + 1]
        return text
