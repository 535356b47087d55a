"""What Cohere says when it refuses: `{"id", "message"}`, for some errors with an `error_type`.

https://docs.cohere.com/reference/errors
"""

from http import HTTPStatus

import msgspec

from adapters.inference.cohere.schema import Refusal, read_refusal
from adapters.inference.contract import Headers
from adapters.inference.openai import errors as openai
from adapters.wire.errors import UpstreamError

_BY_STATUS: dict[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("invalid_request_error", "invalid_api_key"),
    HTTPStatus.PAYMENT_REQUIRED: ("insufficient_quota", "insufficient_quota"),
    HTTPStatus.FORBIDDEN: ("invalid_request_error", "permission_denied"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    498: ("invalid_request_error", "invalid_api_key"),  # an access token that has expired
    HTTPStatus.TOO_MANY_REQUESTS: ("rate_limit_error", "rate_limit_exceeded"),
}
_CODES = {"TOO_MANY_TOKENS": "context_length_exceeded"}
"""By `error_type`."""


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The error with the type and the code that its status and its `error_type` stand for."""
    error = openai.explain(status, headers, body)
    try:
        refusal = read_refusal(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return error  # not Cohere's own: a proxy's, or a page
    error.raw = None
    default = ("server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error", error.code)
    error.type, error.code = _BY_STATUS.get(status, default)
    error.code = _code(refusal) or error.code
    return error


def _code(refusal: Refusal) -> str | None:
    if refusal.error_type is None:
        return None
    return _CODES.get(refusal.error_type, refusal.error_type.lower())
