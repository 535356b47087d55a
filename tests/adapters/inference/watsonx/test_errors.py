import json
from typing import Any

import pytest

from adapters.inference.watsonx import ADAPTER


def body(code: str, message: str = "What went wrong", **more: Any) -> bytes:
    fault = {"code": code, "message": message, "more_info": "https://cloud.ibm.com/apidocs/watsonx-ai#text-chat"}
    return json.dumps({"errors": [fault], "trace": "91c4", "status_code": 400, **more}).encode()


@pytest.mark.parametrize(
    ("status", "told", "type", "code", "retryable"),
    [
        (400, "json_validation_error", "invalid_request_error", "json_validation_error", False),
        (400, "model_not_supported", "invalid_request_error", "model_not_found", False),
        (404, "model_not_supported", "invalid_request_error", "model_not_found", False),
        (401, "authentication_token_expired", "invalid_request_error", "invalid_api_key", False),
        (401, "authentication_token_not_valid", "invalid_request_error", "invalid_api_key", False),
        (403, "user_authorization_failed", "invalid_request_error", "user_authorization_failed", False),
        (429, "rate_limit_reached_requests", "rate_limit_error", "rate_limit_exceeded", True),
        (429, "token_quota_reached", "rate_limit_error", "insufficient_quota", True),
        (500, "downstream_request_failed", "server_error", "downstream_request_failed", True),
        (500, "", "server_error", "upstream_error", True),
    ],
)
def test_codes_are_openais_where_it_has_them(status: int, told: str, type: str, code: str, retryable: bool) -> None:
    error = ADAPTER.explain(status, [(b"retry-after", b"3")], body(told))
    assert (error.status, error.type, error.code, error.retryable) == (status, type, code, retryable)
    assert (error.message, error.retry_after) == ("What went wrong", 3)


def test_several_faults_are_all_told() -> None:
    faults = [{"code": "a", "message": "One."}, {"code": "b", "message": ""}, {"code": "c", "message": "Two."}]
    assert ADAPTER.explain(400, [], json.dumps({"errors": faults}).encode()).message == "One.; Two."


def test_a_fault_without_a_message_is_told_by_its_code() -> None:
    assert ADAPTER.explain(400, [], body("json_type_error", "")).message == "The provider refused: json_type_error."


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (b"upstream request timeout", "upstream request timeout"),
        (b'{"error":{"code":"x","message":"Gone"}}', "Gone"),
        (b'{"errors":[]}', "The provider answered with status 504 and no message."),
        (b"<html>", "The provider answered with status 504 and no message."),
    ],
)
def test_what_stands_before_the_service_answers_in_its_own_way(told: bytes, message: str) -> None:
    error = ADAPTER.explain(504, [], told)
    assert (error.status, error.message, error.retryable) == (504, message, True)


def test_a_redirection_is_not_followed() -> None:
    assert "does not follow" in ADAPTER.explain(302, [], body("x")).message
