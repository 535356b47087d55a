"""Errors as HTTP answers."""

import msgspec
import pytest

from adapters.wire.errors import BadRequest, GatewayError, Overloaded, UnknownModel, UpstreamError, UpstreamTimeout
from gateway.errors import render


def test_an_error_has_openais_shape() -> None:
    error = UnknownModel("No 'x'.", param="model")
    status, headers, body = render(error, (b"x-request-id", b"1"))
    assert status == 404
    assert msgspec.json.decode(body) == {
        "error": {
            "message": "No 'x'.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }
    assert headers == [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", b"1"),
    ]


@pytest.mark.parametrize(("seconds", "told"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.2, b"2"), (60.0, b"60")])
def test_seconds_to_wait_are_whole_and_at_least_one(seconds: float, told: bytes) -> None:
    _, headers, _ = render(Overloaded("Full.", retry_after=seconds))
    assert (b"retry-after", told) in headers


def test_an_errors_own_headers_go_along() -> None:
    _, headers, _ = render(BadRequest("No.", headers=((b"allow", b"POST"),)))
    assert (b"allow", b"POST") in headers


def test_the_providers_own_bytes_go_along_with_its_status() -> None:
    raw = b'{"error": {"message": "Slow down", "type": "tokens"}}'
    status, headers, body = render(UpstreamError("Slow down", status=429, raw=raw))
    assert (status, body) == (429, raw)
    assert (b"content-length", str(len(raw)).encode()) in headers


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (GatewayError("x"), False),
        (BadRequest("x"), False),
        (Overloaded("x"), True),
        (UpstreamTimeout("x"), True),
        (UpstreamError("x", status=400), False),
        (UpstreamError("x", status=408), True),
        (UpstreamError("x", status=409), True),
        (UpstreamError("x", status=429), True),
        (UpstreamError("x", status=500), True),
        (UpstreamError("x"), True),
    ],
)
def test_an_error_tells_whether_another_try_may_succeed(error: GatewayError, retryable: bool) -> None:
    assert error.retryable is retryable
