"""Google's errors in OpenAI's terms."""

import json
from typing import Any

import pytest

from adapters.inference.gemini.errors import explain


def body(status: str | None = None, *details: dict[str, Any], message: str = "Odd", code: int | None = None) -> bytes:
    told = {"code": code, "message": message, "status": status, "details": list(details)}
    return json.dumps({"error": {name: value for name, value in told.items() if value is not None}}).encode()


@pytest.mark.parametrize(
    ("status", "name", "code", "retryable"),
    [
        (400, "INVALID_ARGUMENT", "invalid_argument", False),
        (400, "FAILED_PRECONDITION", "failed_precondition", False),
        (401, "UNAUTHENTICATED", "invalid_api_key", False),
        (403, "PERMISSION_DENIED", "permission_denied", False),
        (404, "NOT_FOUND", "model_not_found", False),
        (429, "RESOURCE_EXHAUSTED", "rate_limit_exceeded", True),
        (500, "INTERNAL", "internal_error", True),
        (503, "UNAVAILABLE", "overloaded", True),
        (504, "DEADLINE_EXCEEDED", "deadline_exceeded", True),
    ],
)
def test_a_canonical_code_has_its_like(status: int, name: str, code: str, retryable: bool) -> None:
    error = explain(status, (), body(name))
    assert (error.status, error.code, error.retryable, error.message) == (status, code, retryable, "Odd")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")]
)
def test_an_error_has_a_type_of_openais(status: int, kind: str) -> None:
    names = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    assert explain(status, (), body(names[status])).type == kind


@pytest.mark.parametrize("reason", ["API_KEY_INVALID", "ACCESS_TOKEN_EXPIRED"])
def test_a_wrong_key_is_a_401_whatever_the_service_says(reason: str) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    error = explain(400, (), body("INVALID_ARGUMENT", detail))
    assert (error.status, error.code) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("delay", "seconds"), [("48s", 48.0), ("0.5s", 0.5), ("soon", None), (48, None), ("-1s", None)]
)
def test_a_delay_is_told_in_seconds(delay: Any, seconds: float | None) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    assert explain(429, (), body("RESOURCE_EXHAUSTED", detail)).retry_after == seconds


def test_a_delay_may_stand_in_a_header() -> None:
    assert explain(429, ((b"retry-after", b"7"),), body("RESOURCE_EXHAUSTED")).retry_after == 7


def test_a_field_at_fault_is_named() -> None:
    violations = {"fieldViolations": [{"field": "generation_config.top_k", "description": "Too large"}]}
    assert explain(400, (), body("INVALID_ARGUMENT", violations)).param == "generation_config.top_k"


@pytest.mark.parametrize("violations", [[], [{}], "odd"])
def test_no_field_is_named_where_none_is(violations: Any) -> None:
    assert explain(400, (), body("INVALID_ARGUMENT", {"fieldViolations": violations})).param is None


def test_an_error_in_a_list_is_read() -> None:
    assert explain(404, (), b"[" + body("NOT_FOUND") + b"]").code == "model_not_found"


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (429, "rate_limit_exceeded"), (503, "overloaded")]
)
@pytest.mark.parametrize("raw", [b"", b"[]", b"<html>", b'{"error": 1}', b"\xff"])
def test_an_error_that_cannot_be_read_is_judged_by_its_status(status: int, code: str, raw: bytes) -> None:
    error = explain(status, (), raw)
    assert (error.status, error.code) == (status, code)
    assert str(status) in error.message


@pytest.mark.parametrize(("status", "kind"), [(418, "invalid_request_error"), (599, "server_error")])
def test_an_unknown_error_keeps_its_status(status: int, kind: str) -> None:
    error = explain(status, (), body("NEW_CODE"))
    assert (error.status, error.type, error.code) == (status, kind, "new_code")


def test_an_unknown_error_without_a_name_has_the_usual_code() -> None:
    assert explain(418, (), b"").code == "upstream_error"
