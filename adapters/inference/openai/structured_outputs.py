"""Answers in a form, where the provider does not know `response_format` of type `json_schema`.

Two ways, as the provider's row says. `json_object`: the schema goes into the prompt and the provider's own JSON mode
does the rest; DeepSeek's thinking mode, for one, refuses a `tool_choice` that forces a tool. `none`: the answer is
asked for as the arguments of a tool. Both answers are checked; where the provider knows schemas, it answers for them.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw

from adapters.wire.body import Body, decode_field
from adapters.wire.errors import BadRequest
from adapters.wire.structured import ANY_OBJECT, FORCED_TOOL, asked_schema
from config.schema import Provider

Way: TypeAlias = Literal["prompt", "tool"]

_encode = msgspec.json.Encoder().encode
_list = msgspec.json.Decoder(list[Any] | None)
_any = msgspec.json.Decoder(Any)
_JSON_MODE = Raw(b'{"type":"json_object"}')
_INSTRUCTION = "Answer with one JSON object that fits this JSON Schema, and with nothing else:\n"
_SUBJECT = "The answer to the user, in the form that is wanted. Always call this to answer."


def way_of(body: Body, settings: Provider) -> Way | None:
    """How an answer in a form is brought about; None where none is asked for or the provider has it itself."""
    if settings.structured_outputs == "native" or "response_format" not in body.fields:
        return None
    schema = asked_schema(body)
    if schema is None:
        return None
    if settings.structured_outputs == "none":
        return "tool"
    return None if schema is ANY_OBJECT else "prompt"


def emulate(fields: dict[str, Raw], body: Body, way: Way) -> None:
    """Change a request to ask for the form in that way. Raises BadRequest on a schema that no tool can have."""
    schema = asked_schema(body) or ANY_OBJECT
    if way == "prompt":
        fields["response_format"] = _JSON_MODE
        messages = decode_field(fields, "messages", _list) or []
        fields["messages"] = Raw(_encode(_instructed(messages, _INSTRUCTION + _encode(schema).decode())))
        return
    del fields["response_format"]
    tools = decode_field(fields, "tools", _list) or []
    fields["tools"] = Raw(_encode([*tools, _forced_tool(schema)]))
    fields["tool_choice"] = _forcing(decode_field(fields, "tool_choice", _any) if tools else None, others=bool(tools))


def _instructed(messages: list[Any], instruction: str) -> list[Any]:
    """The messages with an instruction in the first of them: some models take only one system message."""
    match messages:
        case [{"role": "system" | "developer", "content": str(text)} as first, *rest]:
            return [first | {"content": f"{text}\n\n{instruction}"}, *rest]
    return [{"role": "system", "content": instruction}, *messages]


def _forced_tool(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type", "object") != "object":
        raise BadRequest(
            "'response_format.json_schema.schema' must have the type 'object': this provider takes nothing else.",
            param="response_format.json_schema.schema",
            code="unsupported_schema",
        )
    parameters = {"type": "object"} | schema
    return {"type": "function", "function": {"name": FORCED_TOOL, "description": _SUBJECT, "parameters": parameters}}


def _forcing(choice: Any, *, others: bool) -> Raw:
    """What forces the tool: alone by its name, beside others as one of them unless the client named another."""
    if not others or choice == "none":
        return Raw(_encode({"type": "function", "function": {"name": FORCED_TOOL}}))
    return Raw(_encode("required" if choice in (None, "auto") else choice))
