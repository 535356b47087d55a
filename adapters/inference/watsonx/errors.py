"""What watsonx.ai says when it refuses: `{"errors": [{"code", "message", "more_info"}], "trace", "status_code"}`.

https://cloud.ibm.com/apidocs/watsonx-ai#endpoint-url, and the codes that IBM's own package knows:
https://github.com/IBM/watsonx-ai-java-sdk (WatsonxError)
"""

from http import HTTPStatus

import msgspec
from msgspec import Struct

from adapters.inference.contract import Headers
from adapters.inference.openai import errors as openai
from adapters.wire.errors import UpstreamError
from adapters.wire.retry_after import retry_after


class _Fault(Struct):
    code: str = ""
    message: str = ""


class _Faults(Struct):
    errors: list[_Fault]
    status_code: int | None = None


_faults = msgspec.json.Decoder(_Faults)

_CODES = {
    "authentication_token_expired": "invalid_api_key",
    "authentication_token_not_valid": "invalid_api_key",
    "model_not_supported": "model_not_found",
    "rate_limit_reached_requests": "rate_limit_exceeded",
    "token_quota_reached": "insufficient_quota",
}
"""Those that OpenAI has too; others stay as they are."""


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The error with its status, its code in OpenAI's words where there is one, and the seconds to wait."""
    told = _read(body)
    if told is None or status < HTTPStatus.BAD_REQUEST:
        return openai.explain(status, headers, body)
    return _error(status, told, retry_after(headers))


def explain_inside(body: bytes) -> UpstreamError:
    """An error that came inside a stream; it has the status that it names, or 502."""
    told = _read(body)
    return openai.explain_inside(body) if told is None else _error(told.status_code or 502, told, None)


def _read(body: bytes) -> _Faults | None:
    try:
        told = _faults.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told if told.errors else None


def _error(status: int, told: _Faults, wait: float | None) -> UpstreamError:
    code = told.errors[0].code
    return UpstreamError(
        "; ".join(fault.message for fault in told.errors if fault.message) or f"The provider refused: {code}.",
        status=status,
        type=_type_of(status),
        code=_CODES.get(code, code) or None,
        retry_after=wait,
    )


def _type_of(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return "rate_limit_error" if status == HTTPStatus.TOO_MANY_REQUESTS else "invalid_request_error"
