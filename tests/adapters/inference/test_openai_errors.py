import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.openai.errors import explain, explain_inside

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "detail", "type", "code", "param", "loc", "errors", "error_type", "status"]
            ),
            inner,
            max_size=5,
        )
    ),
)


def shown(status: int, body: bytes) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(explain(status, (), body).body())["error"]
    return error


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message":"m","type":"invalid_request_error","param":null,"code":null}}',
        b'{ "id":"1", "error": {"message":"m","type":"t","code":"c","extra":[1.0]} }',
    ],
)
def test_a_body_of_openais_shape_goes_through_byte_for_byte(body: bytes) -> None:
    assert explain(400, (), body).body() == body


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "m", "code": 400}}, "m", "400"),
        ({"error": {"message": "m", "code": "401"}}, "m", "401"),
        ({"code": "Bad", "error": "m"}, "m", "Bad"),
        ({"error": "m", "error_type": "validation"}, "m", "upstream_error"),
        ({"error": ["a", "b"]}, "a; b", "upstream_error"),
        ({"detail": "m"}, "m", "upstream_error"),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "too small", "type": "int"}]},
            "body.n: too small",
            "upstream_error",
        ),
        ({"message": "m", "request_id": "1"}, "m", "upstream_error"),
        ({"error_code": "BAD_REQUEST", "message": "m"}, "m", "BAD_REQUEST"),
        ({"object": "error", "message": {"detail": "m"}, "code": 1500}, "m", "1500"),
        ({"errors": [{"message": "m", "code": 7}]}, "m", "upstream_error"),
        ({"title": "Not Found", "status": 404, "detail": "m"}, "m", "upstream_error"),
        ([{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}], "m", "400"),
        ("m", "m", "upstream_error"),
    ],
)
def test_other_shapes_are_rendered_with_the_providers_words(body: Any, message: str, code: str) -> None:
    error = shown(400, json.dumps(body).encode())
    assert (error["message"], error["code"]) == (message, code)
    assert error["param"] is None
    assert isinstance(error["type"], str)


def test_what_else_the_provider_tells_stays_inside() -> None:
    error = shown(400, b'{"error":{"code":400,"message":"m","metadata":{"provider_name":"x"}},"user_id":"u"}')
    assert error == {
        "code": "400",
        "message": "m",
        "metadata": {"provider_name": "x"},
        "type": "invalid_request_error",
        "param": None,
    }


@pytest.mark.parametrize(
    ("status", "type"), [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "server_error")]
)
def test_a_type_that_is_not_told_follows_from_the_status(status: int, type: str) -> None:
    assert shown(status, b'{"error":{"message":"m"}}')["type"] == type


def test_plain_text_is_the_message() -> None:
    assert shown(422, b"missing field `messages` at line 1\n")["message"] == "missing field `messages` at line 1"


@pytest.mark.parametrize(
    "body", [b"", b"<!DOCTYPE html><h1>Bad gateway</h1>", b'{"error":', b"{}", b'{"error":{}}', b"null"]
)
def test_a_body_without_a_message_gets_a_short_one(body: bytes) -> None:
    assert shown(502, body)["message"] == "The provider answered with status 502 and no message."


def test_long_texts_are_cut() -> None:
    assert len(shown(500, b"x" * 1_000_000)["message"]) == 2_000
    assert len(shown(500, json.dumps({"detail": "x" * 1_000_000}).encode())["message"]) == 2_000


def test_deep_nesting_is_not_followed() -> None:
    body = b'{"error":' * 500 + b'"m"' + b"}" * 500
    assert explain(500, (), body).message == "The provider answered with status 500 and no message."


def test_a_redirect_is_not_followed() -> None:
    error = explain(307, ((b"location", b"http://elsewhere.test"),), b"")
    assert (error.status, error.message) == (
        502,
        "The provider answered with status 307, which the gateway does not follow.",
    )


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (409, True), (429, True), (503, True)],
)
def test_the_status_says_whether_to_retry(status: int, retryable: bool) -> None:
    error = explain(status, (), b'{"error":{"message":"m"}}')
    assert (error.status, error.retryable) == (status, retryable)


@given(anything, st.integers(400, 599))
def test_whatever_a_provider_answers_is_shown_in_openais_shape(body: Any, status: int) -> None:
    error = shown(status, json.dumps(body).encode())
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    assert isinstance(error.get("code"), str | None)
    assert isinstance(error.get("param"), str | None)


@given(anything)
def test_whatever_stands_inside_an_answer_has_an_error_status(body: Any) -> None:
    assert 400 <= explain_inside(json.dumps(body).encode()).status <= 599


@given(st.binary(max_size=50))
def test_any_bytes_can_be_explained(body: bytes) -> None:
    json.loads(explain(500, (), body).body())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "m", "status_code": 400}}, 400),
        ({"error": {"message": "m", "code": 503}}, 503),
        ({"error": "m", "error_type": "overloaded"}, 429),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, 400),
        ({"object": "error", "message": "m", "code": 404}, 404),
        ({"error": {"message": "m", "code": True}}, 502),
        ({"error": {"message": "m", "type": ["odd"]}}, 502),
        ("m", 502),
    ],
)
def test_an_error_inside_an_answer_names_its_status(body: Any, status: int) -> None:
    error = explain_inside(json.dumps(body).encode())
    assert (error.status, error.message) == (status, "m")


def test_the_wait_comes_along() -> None:
    assert explain(429, [(b"retry-after", b"7")], b"").retry_after == 7.0
