"""What Cohere says when it refuses."""

import json
from typing import Any

import pytest

from adapters.inference.cohere.errors import explain
from adapters.wire.errors import UpstreamError


def explained(status: int, body: Any, *headers: tuple[bytes, bytes]) -> UpstreamError:
    return explain(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "type", "code", "retryable"),
    [
        (400, "invalid_request_error", "upstream_error", False),
        (401, "invalid_request_error", "invalid_api_key", False),
        (402, "insufficient_quota", "insufficient_quota", False),
        (403, "invalid_request_error", "permission_denied", False),
        (404, "invalid_request_error", "model_not_found", False),
        (422, "invalid_request_error", "upstream_error", False),
        (429, "rate_limit_error", "rate_limit_exceeded", True),
        (498, "invalid_request_error", "invalid_api_key", False),
        (500, "server_error", "upstream_error", True),
        (503, "server_error", "upstream_error", True),
    ],
)
def test_the_status_tells_type_and_code(status: int, type: str, code: str, retryable: bool) -> None:
    error = explained(status, {"id": "x", "message": "no"})
    told = json.loads(error.body())["error"]
    assert (error.status, error.retryable) == (status, retryable)
    assert told == {"message": "no", "type": type, "param": None, "code": code}


@pytest.mark.parametrize(
    ("error_type", "code"), [("TOO_MANY_TOKENS", "context_length_exceeded"), ("SOMETHING_NEW", "something_new")]
)
def test_the_type_of_an_error_tells_its_code(error_type: str, code: str) -> None:
    error = explained(400, {"id": "x", "message": "no", "error_type": error_type})
    assert (error.type, error.code) == ("invalid_request_error", code)


def test_the_seconds_to_wait_are_kept() -> None:
    assert explained(429, {"message": "no"}, (b"retry-after", b"7")).retry_after == 7


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"busy", b'["busy"]'])
def test_what_a_proxy_says_is_explained_as_elsewhere(body: bytes) -> None:
    error = explained(502, body)
    assert (error.status, error.type) == (502, "server_error")
    assert error.message
