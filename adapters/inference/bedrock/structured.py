"""Answers in a form: natively where the model has it, else with a tool that it has to call.

https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

from typing import Any, Literal, TypeAlias

import msgspec

from adapters.inference.anthropic.schemas import compilable
from adapters.inference.bedrock.families import Family, family_of
from adapters.inference.bedrock.options import BedrockOptions
from adapters.inference.contract import Target
from adapters.wire.body import Body, decode_field
from adapters.wire.chat import JsonSchema, ResponseFormat
from adapters.wire.errors import BadRequest
from adapters.wire.structured import FORCED_TOOL, schema_of

Way: TypeAlias = Literal["native", "tool"]

_format = msgspec.json.Decoder(ResponseFormat | None)
_encode = msgspec.json.Encoder().encode


def way_of(asked: ResponseFormat | None, target: Target) -> Way | None:
    """How an answer in a form is brought about, None where none was asked for.

    Any JSON object takes the tool, and so does a schema that Claude's grammar does not know: native schemas say of
    every object which members it has.
    """
    schema = schema_of(asked)
    if asked is None or schema is None:
        return None
    options: BedrockOptions = target.options
    if options.structured_outputs is not None:
        return options.structured_outputs
    family = family_of(target.model)
    native = asked.type == "json_schema" and family.has_schemas and _written(schema, family) is not None
    return "native" if native else "tool"


def answers_by_tool(body: Body, target: Target) -> bool:
    """The same for a request that was not read whole: whether the tool's arguments are the answer."""
    return way_of(decode_field(body.fields, "response_format", _format), target) == "tool"


def native_format(asked: ResponseFormat, family: Family) -> dict[str, Any]:
    """`outputConfig.textFormat`, in which the schema is a string."""
    named = asked.json_schema or JsonSchema()
    schema = schema_of(asked) or {}
    told = {"name": named.name, "schema": _encode(_written(schema, family) or schema).decode()}
    if named.description:
        told["description"] = named.description
    return {"type": "json_schema", "structure": {"jsonSchema": told}}


def _written(schema: dict[str, Any], family: Family) -> dict[str, Any] | None:
    """The schema in the part of the language that the model's grammar knows, None where it can't be said in it."""
    return schema if family.claude is None else compilable(schema)


def answer_tool(asked: ResponseFormat) -> dict[str, Any]:
    """The tool that stands in. Raises BadRequest on a schema of anything but an object: tools take objects."""
    schema = schema_of(asked) or {}
    if schema.get("type", "object") != "object":
        raise BadRequest(
            "This model answers in a form by calling a tool, so the schema must be that of an object.",
            param="response_format.json_schema.schema.type",
            code="unsupported_value",
        )
    description = asked.json_schema.description if asked.json_schema else None
    return {
        "name": FORCED_TOOL,
        "description": description or "Call this tool to answer; its input is the answer.",
        "inputSchema": {"json": {"type": "object"} | schema},
    }
