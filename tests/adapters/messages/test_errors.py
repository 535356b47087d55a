"""Errors as Anthropic's clients get them."""

import json
from typing import Any

import pytest

from adapters.messages.errors import error_body, error_event, type_of
from adapters.wire.errors import BadRequest, GatewayError, Unauthorized, UpstreamError
from adapters.wire.redaction import redact


def told(error: GatewayError) -> Any:
    return json.loads(error_body(error, "req_1"))


def test_an_error_has_anthropics_shape() -> None:
    assert told(Unauthorized("Who are you?")) == {
        "type": "error",
        "error": {
            "type": "authentication_error",
            "message": "Who are you?",
            "details": {"error_code": "invalid_api_key"},
        },
        "request_id": "req_1",
    }


def test_an_error_without_a_code_has_no_details() -> None:
    assert told(BadRequest("No."))["error"] == {"type": "invalid_request_error", "message": "No."}


@pytest.mark.parametrize(
    ("message", "shown"), [("must be a number", "top_k: must be a number"), ("'top_k' is odd", "'top_k' is odd")]
)
def test_the_parameter_at_fault_is_named(message: str, shown: str) -> None:
    assert told(BadRequest(message, param="top_k"))["error"]["message"] == shown


@pytest.mark.parametrize(
    ("status", "kind"), [(418, "invalid_request_error"), (529, "overloaded_error"), (599, "api_error")]
)
def test_the_status_tells_the_type(status: int, kind: str) -> None:
    assert type_of(status) == kind


def refused(body: bytes) -> UpstreamError:
    error = UpstreamError("explained", status=400)
    error.said = body
    return error


def test_what_anthropic_says_goes_on_as_it_is() -> None:
    body = b'{"type":"error", "error":{"type":"billing_error","message":"Pay."},"request_id":"r"}'
    assert error_body(refused(body), "req_1") == body


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b'{"error":{"type":"a","message":"b"}}', b'{"type":"fault","error":{"type":"a","message":"b"}}'],
)
def test_what_others_say_is_written_anew(body: bytes) -> None:
    assert told(refused(body))["error"]["message"] == "explained"


def test_secrets_in_what_a_service_says_do_not_go_on() -> None:
    error = refused(b'{"type":"error","error":{"type":"a","message":"bad key sk-0123456789"}}')
    redact(error, "sk-0123456789")
    assert b"sk-0123456789" not in error_body(error)


def test_an_error_inside_a_stream_is_an_event() -> None:
    name, data, *rest = error_event(BadRequest("No.")).decode().split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == "No."
    assert rest == ["", ""]
