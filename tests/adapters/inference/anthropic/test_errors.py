"""What the service says when it refuses, in OpenAI's words."""

import json

import pytest

from adapters.inference.anthropic import ADAPTER
from adapters.inference.anthropic.errors import explain_inside

KINDS = [
    ("invalid_request_error", 400, "invalid_request_error", "upstream_error", False),
    ("authentication_error", 401, "invalid_request_error", "invalid_api_key", False),
    ("billing_error", 402, "insufficient_quota", "insufficient_quota", False),
    ("permission_error", 403, "invalid_request_error", "permission_denied", False),
    ("not_found_error", 404, "invalid_request_error", "model_not_found", False),
    ("request_too_large", 413, "invalid_request_error", "request_too_large", False),
    ("rate_limit_error", 429, "rate_limit_error", "rate_limit_exceeded", True),
    ("api_error", 500, "server_error", "server_error", True),
    ("timeout_error", 504, "timeout_error", "upstream_timeout", True),
    ("overloaded_error", 529, "server_error", "overloaded", True),
]


def body(kind: str, message: str = "Oh", **further: object) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **further}}).encode()


@pytest.mark.parametrize(("kind", "status", "type_", "code", "retryable"), KINDS)
def test_an_error_is_told_by_its_kind(kind: str, status: int, type_: str, code: str, retryable: bool) -> None:
    error = ADAPTER.explain(status, (), body(kind))
    assert (error.status, error.type, error.code, error.retryable) == (status, type_, code, retryable)
    assert error.message == "Oh"


@pytest.mark.parametrize(("kind", "status", "type_", "code", "retryable"), KINDS)
def test_an_error_inside_a_stream_has_the_status_of_its_kind(
    kind: str, status: int, type_: str, code: str, retryable: bool
) -> None:
    error = explain_inside(body(kind))
    assert (error.status, error.type, error.code, error.retryable) == (status, type_, code, retryable)


def test_a_stable_name_of_the_cause_is_the_code() -> None:
    told = body("invalid_request_error", details={"error_code": "tool_name_conflict", "more": 1})
    assert ADAPTER.explain(400, (), told).code == "tool_name_conflict"
    assert ADAPTER.explain(404, (), body("not_found_error", details=None)).code == "model_not_found"


def test_a_wait_is_told() -> None:
    error = ADAPTER.explain(429, [(b"retry-after", b"12")], body("rate_limit_error"))
    assert error.retry_after == 12


@pytest.mark.parametrize(
    ("status", "type_", "code"),
    [
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (503, "server_error", "upstream_error"),
        (418, "invalid_request_error", "upstream_error"),
    ],
)
@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"error":"text"}', body("something_new", ""), b"\xff"])
def test_an_error_of_another_form_is_told_by_its_status(raw: bytes, status: int, type_: str, code: str) -> None:
    error = ADAPTER.explain(status, (), raw)
    assert (error.status, error.type, error.code) == (status, type_, code)
    assert str(status) in error.message


def test_an_unknown_error_inside_an_answer_is_the_providers_fault() -> None:
    error = explain_inside(body("something_new"))
    assert (error.status, error.type) == (502, "server_error")


def test_a_redirect_is_not_followed() -> None:
    error = ADAPTER.explain(302, (), b"")
    assert error.status == 502
    assert "status 302" in error.message


def test_long_messages_are_cut() -> None:
    assert len(ADAPTER.explain(400, (), body("invalid_request_error", "x" * 9_000)).message) == 2_000
