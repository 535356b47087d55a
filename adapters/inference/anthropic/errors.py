"""What the service says when it refuses, in OpenAI's words.

https://platform.claude.com/docs/en/api/errors
"""

from http import HTTPStatus
from typing import NamedTuple

import msgspec
from msgspec import Struct

from adapters.inference.contract import Headers
from adapters.wire.errors import UpstreamError
from adapters.wire.retry_after import retry_after

_TEXT_MAX = 2_000


class _Kind(NamedTuple):
    status: int
    """Where the error came inside an answer or a stream."""
    type: str
    code: str | None = None


_KINDS = {
    "invalid_request_error": _Kind(400, "invalid_request_error"),
    "authentication_error": _Kind(401, "invalid_request_error", "invalid_api_key"),
    "billing_error": _Kind(402, "insufficient_quota", "insufficient_quota"),
    "permission_error": _Kind(403, "invalid_request_error", "permission_denied"),
    "not_found_error": _Kind(404, "invalid_request_error", "model_not_found"),
    "request_too_large": _Kind(413, "invalid_request_error", "request_too_large"),
    "rate_limit_error": _Kind(429, "rate_limit_error", "rate_limit_exceeded"),
    "api_error": _Kind(500, "server_error", "server_error"),
    "timeout_error": _Kind(504, "timeout_error", "upstream_timeout"),
    "overloaded_error": _Kind(529, "server_error", "overloaded"),
}


class _Details(Struct):
    error_code: str | None = None
    """A stable name of the cause."""


class _Error(Struct):
    type: str = ""
    message: str = ""
    details: _Details | None = None


class _Told(Struct):
    error: _Error


_told = msgspec.json.Decoder(_Told)


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The service's error with its status and the seconds to wait; one of another form, a proxy's, by its status."""
    if status < HTTPStatus.BAD_REQUEST:
        return UpstreamError(f"The provider answered with status {status}, which the gateway does not follow.")
    return _error(_read(body), status, retry_after(headers))


def explain_inside(body: bytes) -> UpstreamError:
    """An error that came with status 200, in a stream or in an answer; it has the status of its kind, or 502."""
    return _error(_read(body), None, None)


def _read(body: bytes) -> _Error:
    try:
        return _told.decode(body).error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Error()


def _error(told: _Error, status: int | None, wait: float | None) -> UpstreamError:
    kind = _KINDS.get(told.type) or _kind_of(status)
    known = status or kind.status
    return UpstreamError(
        told.message[:_TEXT_MAX] or f"The provider answered with status {known} and no message.",
        status=known,
        type=kind.type,
        code=(told.details.error_code if told.details is not None else None) or kind.code,
        retry_after=wait,
    )


def _kind_of(status: int | None) -> _Kind:
    """An error without a kind that is known."""
    if status is None:
        return _Kind(HTTPStatus.BAD_GATEWAY, "server_error")
    for kind in _KINDS.values():
        if kind.status == status:
            return kind
    return _Kind(status, "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error")
