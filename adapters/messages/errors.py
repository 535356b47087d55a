"""Errors as Anthropic writes them. https://docs.claude.com/en/api/errors"""

from typing import Any

import msgspec
from msgspec import Struct

from adapters.wire.errors import GatewayError, UpstreamError

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class _Detail(Struct):
    type: str
    message: str


class _Whole(Struct):
    """An error body of Anthropic's."""

    type: str
    error: _Detail


_whole = msgspec.json.Decoder(_Whole)
_encode = msgspec.json.Encoder().encode


def type_of(status: int) -> str:
    """The type of an error by its status."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def error_body(error: GatewayError, request_id: str | None = None) -> bytes:
    """An error's body: the service's own bytes where they are Anthropic's, else made from what is known.

    OpenAI's `param` comes before the message, as Anthropic does it; its `code` is the `error_code` of `details`, which
    has the further members too.
    """
    further = error.further or {}
    if not further and isinstance(error, UpstreamError) and error.said is not None and _is_anthropics(error.said):
        return error.said
    detail: dict[str, Any] = {"type": type_of(error.status), "message": _message(error)}
    if details := ({} if error.code is None else {"error_code": error.code}) | further:
        detail["details"] = details
    return _encode({"type": "error", "error": detail, "request_id": request_id})


def error_event(error: GatewayError) -> bytes:
    """An error inside a stream; nothing follows."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"


def _message(error: GatewayError) -> str:
    if error.param is None or error.param in error.message:
        return error.message
    return f"{error.param}: {error.message}"


def _is_anthropics(body: bytes) -> bool:
    try:
        return _whole.decode(body).type == "error"
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
