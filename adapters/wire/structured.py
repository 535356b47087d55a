"""Answers in a form: what was asked for, the forced tool that stands in for it, and whether an answer fits.

A service that knows no `response_format` is made to call one tool whose parameters are the schema; its arguments are
the answer.
"""

from typing import Any

import jsonschema_rs
import msgspec

from adapters.wire.body import Body, decode_field
from adapters.wire.chat import ResponseFormat
from adapters.wire.errors import BadRequest, UpstreamError

FORCED_TOOL = "answer_in_json"
"""The tool's name, by which a decoder knows its arguments for the answer."""
ANY_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
"""The schema of `json_object`."""

_format = msgspec.json.Decoder(ResponseFormat | None)


def _refuse_reference(uri: str) -> Any:
    """A schema that points elsewhere would have the gateway fetch a URL of the client's choice."""
    raise ValueError("references to other documents are not followed")


def schema_of(asked: ResponseFormat | None) -> dict[str, Any] | None:
    """The schema that an answer must fit, None where any text will do."""
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return ANY_OBJECT
    if asked.json_schema is None or asked.json_schema.schema is None:
        raise BadRequest(
            "'response_format' of type json_schema needs 'json_schema.schema'.",
            param="response_format.json_schema.schema",
            code="missing_required_parameter",
        )
    return asked.json_schema.schema


def asked_schema(body: Body) -> dict[str, Any] | None:
    """The same, read from a request that was not read whole."""
    return schema_of(decode_field(body.fields, "response_format", _format))


def check_answer(text: str, body: Body) -> None:
    """Raise UpstreamError where a whole answer does not fit what the client asked for.

    An answer that was cut by its length or refused is not judged: its finish reason tells.
    """
    schema = asked_schema(body)
    if schema is None:
        return
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise UpstreamError(
            "The model's answer is not the JSON that was asked for.", code="invalid_structured_output"
        ) from None
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse_reference)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadRequest(
            f"'response_format.json_schema.schema' is not a valid schema: {str(error)[:200]}.",
            param="response_format.json_schema.schema",
            code="invalid_schema",
        ) from None
    for fault in validator.iter_errors(answer):
        place = "/".join(map(str, fault.instance_path))
        raise UpstreamError(
            f"The model's answer does not fit the schema at '/{place}' ({fault.schema_path[-1]}).",
            code="invalid_structured_output",
        )
