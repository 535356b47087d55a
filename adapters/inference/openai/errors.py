"""What providers that speak OpenAI's dialect say when they refuse, in OpenAI's shape.

A body that has the shape goes through byte for byte; of any other, the provider's message, type and code are kept.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from adapters.inference.contract import Headers
from adapters.wire.errors import UpstreamError
from adapters.wire.retry_after import retry_after

_TEXT_MAX = 2_000
_DEPTH_MAX = 4
_MESSAGE_NAMES = ("message", "error", "detail", "msg", "errors", "description", "title")
_STATUS_NAMES = ("status_code", "status", "code")
# Text generation inference names the kind of an error and not its status when it is inside a stream.
# https://github.com/huggingface/text-generation-inference/blob/main/router/src/lib.rs
_STATUS_OF_TYPE = {"invalid_request_error": 400, "validation": 422, "overloaded": 429, "generation": 424}


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The provider's error with its status, message, type, code, param and the seconds to wait."""
    if status < HTTPStatus.BAD_REQUEST:
        return UpstreamError(f"The provider answered with status {status}, which the gateway does not follow.")
    return _error(status, body, retry_after(headers))


def explain_inside(body: bytes) -> UpstreamError:
    """An error that came inside an answer of status 200; it has the status that it names, or 502."""
    value = _unwrapped(_read(body))
    detail = value.get("error") if isinstance(value, dict) else None
    status = _status_of(detail) or _status_of(value) or HTTPStatus.BAD_GATEWAY
    return _error(status, body, None)


def _error(status: int, body: bytes, wait: float | None) -> UpstreamError:
    whole = _read(body)
    value = _unwrapped(whole)
    detail: dict[str, Any] = {}
    if isinstance(value, dict):
        inner = value.get("error")
        detail = inner if isinstance(inner, dict) else value
    message = _message(value, _DEPTH_MAX)[:_TEXT_MAX] or f"The provider answered with status {status} and no message."
    error = UpstreamError(
        message,
        status=status,
        type=_string(detail.get("type")) or _string(detail.get("error_type")) or _type_of(status),
        code=_string(detail.get("code")) or _string(detail.get("error_code")),
        param=_string(detail.get("param")),
        retry_after=wait,
    )
    if isinstance(whole, dict) and _has_shape(whole.get("error")):
        error.raw = body
    elif isinstance(value, dict) and detail is not value:
        told = {"message": message, "type": error.type, "param": error.param, "code": error.code}
        error.raw = msgspec.json.encode({"error": detail | told})
    return error


def _read(body: bytes) -> Any:
    """A body as JSON, else as plain text; a page or JSON that is cut tells a client nothing."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = body.decode(errors="replace").strip()
        return "" if text.startswith(("<", "{", "[")) else text


def _unwrapped(value: Any) -> Any:
    """Google's OpenAI surface answers with an array that holds the error."""
    return value[0] if isinstance(value, list) and value else value


def _has_shape(detail: Any) -> bool:
    return (
        isinstance(detail, dict)
        and isinstance(detail.get("message"), str)
        and isinstance(detail.get("type"), str)
        and isinstance(detail.get("code"), str | None)
        and isinstance(detail.get("param"), str | None)
    )


def _message(value: Any, depth: int) -> str:
    """The sentence in an error, wherever the provider keeps it."""
    if depth == 0:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return "; ".join(filter(None, (_message(item, depth - 1) for item in value)))
    if isinstance(value, dict):
        for name in _MESSAGE_NAMES:
            if text := _message(value.get(name), depth - 1):
                place = value.get("loc")  # FastAPI's validation errors
                return f"{'.'.join(map(str, place))}: {text}" if isinstance(place, list) else text
    return ""


def _type_of(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return "rate_limit_error" if status == HTTPStatus.TOO_MANY_REQUESTS else "invalid_request_error"


def _string(value: Any) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int else None


def _status_of(detail: Any) -> int | None:
    if not isinstance(detail, dict):
        return None
    for name in _STATUS_NAMES:
        value = detail.get(name)
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if type(value) is int and 400 <= value <= 599:
            return value
    return _STATUS_OF_TYPE.get(_string(detail.get("error_type")) or _string(detail.get("type")) or "")
