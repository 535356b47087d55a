"""What Bedrock's errors become: by the kind that a header, a body or a frame names."""

import json

import pytest

from adapters.framing.event_stream import Message
from adapters.inference.bedrock import ADAPTER
from adapters.inference.bedrock.errors import explain_inside

KIND = b"x-amzn-errortype"


@pytest.mark.parametrize(
    ("kind", "sent", "status", "type_", "code", "retryable"),
    [
        ("ThrottlingException", 429, 429, "rate_limit_error", "rate_limit_exceeded", True),
        ("ValidationException", 400, 400, "invalid_request_error", "invalid_request", False),
        ("AccessDeniedException", 403, 403, "invalid_request_error", "permission_denied", False),
        ("ExpiredTokenException", 403, 403, "authentication_error", "invalid_api_key", False),
        ("UnrecognizedClientException", 403, 403, "authentication_error", "invalid_api_key", False),
        ("ResourceNotFoundException", 404, 404, "invalid_request_error", "model_not_found", False),
        ("ModelTimeoutException", 408, 408, "timeout_error", "model_timeout", True),
        ("ModelErrorException", 424, 502, "server_error", "model_error", True),
        ("ModelNotReadyException", 429, 429, "server_error", "model_not_ready", True),
        ("ServiceQuotaExceededException", 400, 400, "rate_limit_error", "insufficient_quota", False),
        ("InternalServerException", 500, 500, "server_error", "server_error", True),
        ("ServiceUnavailableException", 503, 503, "server_error", "service_unavailable", True),
        ("NewException", 400, 400, "invalid_request_error", "NewException", False),
        ("NewException", 429, 429, "rate_limit_error", "NewException", True),
        ("NewException", 507, 507, "server_error", "NewException", True),
    ],
)
def test_kinds_are_known_by_their_header(
    kind: str, sent: int, status: int, type_: str, code: str, retryable: bool
) -> None:
    headers = [(KIND, f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/".encode()), (b"retry-after", b"3")]
    error = ADAPTER.explain(sent, headers, b'{"message":"Said so"}')
    assert (error.status, error.type, error.code, error.retryable) == (status, type_, code, retryable)
    assert (error.message, error.retry_after) == ("Said so", 3)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"__type":"com.amazon.coral.service#ThrottlingException","Message":"Said so"}', "rate_limit_exceeded"),
        (b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"}}', "unknown_url"),
        (b'{"message":"Said so"}', "invalid_request"),
    ],
)
def test_without_the_header_the_body_tells_the_kind(body: bytes, code: str) -> None:
    assert ADAPTER.explain(404, [], body).code == code


@pytest.mark.parametrize("kind", ["InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException"])
def test_what_was_signed_is_not_repeated(kind: str) -> None:
    said = "The signature does not match.\n\nThe Canonical String was 'x-amz-security-token:s3cret'"
    error = ADAPTER.explain(403, [(KIND, kind.encode())], json.dumps({"message": said}).encode())
    assert kind in error.message
    assert "s3cret" not in error.message


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b'"text"', b"\xff"])
def test_a_body_that_is_none_leaves_the_status_to_tell(body: bytes) -> None:
    error = ADAPTER.explain(502, [], body)
    assert error.message == "The provider answered with status 502 and no message."
    assert error.retryable


def test_a_long_message_is_cut() -> None:
    assert len(ADAPTER.explain(400, [], json.dumps({"message": "x" * 9_000}).encode()).message) == 2_000


def test_a_redirection_is_not_followed() -> None:
    assert ADAPTER.explain(307, [], b"").status == 502


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttlingException", 429),
        ("validationException", 400),
        ("internalServerException", 500),
        ("modelStreamErrorException", 502),
        ("modelTimeoutException", 408),
        ("serviceUnavailableException", 503),
        ("", 500),
    ],
)
def test_exceptions_inside_streams_have_the_status_that_they_would_have_outside(kind: str, status: int) -> None:
    headers = {":message-type": "exception", ":exception-type": kind}
    error = explain_inside(Message(headers, b'{"message":"Said so"}'))
    assert (error.status, error.message) == (status, "Said so")


def test_errors_of_the_framing_tell_code_and_message_in_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Went wrong"}
    error = explain_inside(Message(headers, b""))
    assert (error.status, error.message, error.type) == (500, "Went wrong", "server_error")


def test_an_exception_without_a_message_is_told_by_its_name() -> None:
    headers = {":message-type": "exception", ":exception-type": "throttlingException"}
    assert "ThrottlingException" in explain_inside(Message(headers, b"")).message
