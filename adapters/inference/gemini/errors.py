"""Google's errors in OpenAI's terms, by their canonical code and their details, never by their prose.

https://cloud.google.com/apis/design/errors and https://ai.google.dev/gemini-api/docs/troubleshooting
"""

import re
from http import HTTPStatus

import msgspec

from adapters.inference.contract import Headers
from adapters.inference.gemini.schema import ErrorDetail, Status, read_error, read_status
from adapters.wire.errors import UpstreamError
from adapters.wire.retry_after import retry_after

_INVALID = "invalid_request_error"
_KINDS = {
    "INVALID_ARGUMENT": (400, _INVALID, "invalid_argument"),
    "FAILED_PRECONDITION": (400, _INVALID, "failed_precondition"),
    "OUT_OF_RANGE": (400, _INVALID, "out_of_range"),
    "UNAUTHENTICATED": (401, _INVALID, "invalid_api_key"),
    "PERMISSION_DENIED": (403, _INVALID, "permission_denied"),
    "NOT_FOUND": (404, _INVALID, "model_not_found"),
    "ALREADY_EXISTS": (409, _INVALID, "already_exists"),
    "ABORTED": (409, "server_error", "aborted"),
    "RESOURCE_EXHAUSTED": (429, "rate_limit_error", "rate_limit_exceeded"),
    "CANCELLED": (499, "server_error", "cancelled"),
    "UNIMPLEMENTED": (501, "server_error", "unimplemented"),
    "INTERNAL": (500, "server_error", "internal_error"),
    "UNKNOWN": (500, "server_error", "internal_error"),
    "DATA_LOSS": (500, "server_error", "internal_error"),
    "UNAVAILABLE": (503, "server_error", "overloaded"),
    "DEADLINE_EXCEEDED": (504, "timeout_error", "deadline_exceeded"),
}
"""Status, type and code of each canonical code: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""
_NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"} | {
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BAD_KEY = frozenset({"API_KEY_INVALID", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"})
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_TEXT_MAX = 2_000


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The service's error with its status, message, and the seconds to wait where it tells them.

    A wrong key is a 400 of the service and a 401 here, as clients of OpenAI expect.
    """
    try:
        read = read_error(body)
        told = (read[0] if isinstance(read, list) else read).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        told = Status()
    return _error(told, status, retry_after(headers))


def explain_inside(error: msgspec.Raw) -> UpstreamError:
    """An error that came inside an answer of status 200; it has the status that it names."""
    try:
        told = read_status(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = Status()
    return _error(told, HTTPStatus.BAD_GATEWAY, None)


def _error(told: Status, status: int, wait: float | None) -> UpstreamError:
    details = told.details or []
    name = told.status or _NAMES.get(told.code or status, "")
    if any(detail.reason in _BAD_KEY for detail in details if isinstance(detail.reason, str)):
        name = "UNAUTHENTICATED"
    usual, kind, code = _KINDS.get(name, (status, _type_of(status), name.lower() or None))
    if name != "UNAUTHENTICATED" and status != HTTPStatus.BAD_GATEWAY:
        usual = status
    return UpstreamError(
        told.message[:_TEXT_MAX] or f"The provider answered with status {usual} and no message.",
        status=usual,
        type=kind,
        code=code,
        param=_field(details),
        retry_after=_delay(details) or wait,
    )


def _type_of(status: int) -> str:
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _INVALID


def _delay(details: list[ErrorDetail]) -> float | None:
    """The seconds of google.rpc.RetryInfo, such as `34.4s`."""
    told = (_DURATION.fullmatch(detail.retry_delay) for detail in details if isinstance(detail.retry_delay, str))
    return next((float(match[1]) for match in told if match), None)


def _field(details: list[ErrorDetail]) -> str | None:
    """The first field that google.rpc.BadRequest names."""
    for detail in details:
        match detail.field_violations:
            case [{"field": str(name)}, *_]:
                return name
    return None
