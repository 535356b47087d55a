from typing import Any

import pytest

from adapters.wire.body import Body
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.structured import ANY_OBJECT, asked_schema, check_answer
from tests.adapters.inference.targets import request

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "ages": {"type": "array", "items": {"type": "integer"}}},
    "required": ["name"],
    "additionalProperties": False,
}


def asking(schema: Any) -> Body:
    return request(response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}})


@pytest.mark.parametrize("told", [{}, {"response_format": None}, {"response_format": {"type": "text"}}])
def test_any_text_will_do_where_no_form_was_asked_for(told: dict[str, Any]) -> None:
    check_answer("plain words", request(**told))


def test_json_mode_asks_for_an_object() -> None:
    body = request(response_format={"type": "json_object"})
    assert asked_schema(body) == ANY_OBJECT
    check_answer('{"a": 1}', body)
    with pytest.raises(UpstreamError):
        check_answer("[1]", body)


def test_an_answer_that_fits_passes() -> None:
    check_answer('{"name": "Ada", "ages": [36]}', asking(PERSON))


@pytest.mark.parametrize(
    ("answer", "place"),
    [('{"ages": []}', "'/' (required)"), ('{"name": "Ada", "ages": ["x"]}', "'/ages/0' (type)")],
)
def test_an_answer_that_does_not_fit_is_an_error_that_says_where(answer: str, place: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        check_answer(answer, asking(PERSON))
    assert place in caught.value.message
    assert caught.value.code == "invalid_structured_output"


@pytest.mark.parametrize("answer", ["", '{"name": "A', "Sure! {}", "[" * 100_000])
def test_an_answer_that_is_no_json_is_an_error(answer: str) -> None:
    with pytest.raises(UpstreamError, match="not the JSON"):
        check_answer(answer, asking(PERSON))


def test_the_answers_own_words_stay_out_of_the_error() -> None:
    with pytest.raises(UpstreamError) as caught:
        check_answer('{"name": "a secret", "x": "another"}', asking(PERSON))
    assert "secret" not in caught.value.message
    assert "another" not in caught.value.message


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "http://127.0.0.1:1/s"}, {"$ref": "file:///etc/passwd"}]
)
def test_a_schema_that_can_not_be_used_is_the_clients_fault(schema: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        check_answer("{}", asking(schema))
    assert caught.value.param == "response_format.json_schema.schema"


def test_references_inside_the_schema_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}}
    check_answer('{"a": 1}', asking(schema))
    with pytest.raises(UpstreamError):
        check_answer('{"a": "x"}', asking(schema))


def test_a_schema_that_is_missing_is_told() -> None:
    with pytest.raises(BadRequest, match=r"needs 'json_schema\.schema'"):
        asked_schema(request(response_format={"type": "json_schema"}))
