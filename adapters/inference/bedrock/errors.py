"""What Bedrock says when it refuses: a message, with the kind of the error in a header, or in a frame of a stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

from http import HTTPStatus
from typing import NamedTuple

import msgspec
from msgspec import Struct

from adapters.framing.event_stream import Message
from adapters.inference.contract import Headers
from adapters.wire.errors import UpstreamError
from adapters.wire.retry_after import retry_after

_TEXT_MAX = 2_000


class _Kind(NamedTuple):
    status: int
    type: str
    code: str


_NO_ENTRY = _Kind(403, "authentication_error", "invalid_api_key")
_FAULTS = _Kind(500, "server_error", "server_error")
_MODEL_FAILED = _Kind(502, "server_error", "model_error")

_KINDS = {
    "ValidationException": _Kind(400, "invalid_request_error", "invalid_request"),
    "AccessDeniedException": _Kind(403, "invalid_request_error", "permission_denied"),
    "UnrecognizedClientException": _NO_ENTRY,
    "InvalidSignatureException": _NO_ENTRY,
    "SignatureDoesNotMatch": _NO_ENTRY,
    "InvalidClientTokenId": _NO_ENTRY,
    "MissingAuthenticationTokenException": _NO_ENTRY,
    "IncompleteSignatureException": _NO_ENTRY,
    "ExpiredTokenException": _NO_ENTRY,
    "ExpiredToken": _NO_ENTRY,
    "ResourceNotFoundException": _Kind(404, "invalid_request_error", "model_not_found"),
    "UnknownOperationException": _Kind(404, "invalid_request_error", "unknown_url"),
    "ThrottlingException": _Kind(429, "rate_limit_error", "rate_limit_exceeded"),
    "TooManyRequestsException": _Kind(429, "rate_limit_error", "rate_limit_exceeded"),
    "ServiceQuotaExceededException": _Kind(429, "rate_limit_error", "insufficient_quota"),
    "ModelNotReadyException": _Kind(429, "server_error", "model_not_ready"),
    "ModelTimeoutException": _Kind(408, "timeout_error", "model_timeout"),
    # 424 on the wire, which says that the request failed with another one: here that is the model's own run.
    "ModelErrorException": _MODEL_FAILED,
    "ModelStreamErrorException": _MODEL_FAILED,
    "InternalServerException": _FAULTS,
    "InternalFailure": _FAULTS,
    "ServiceUnavailableException": _Kind(503, "server_error", "service_unavailable"),
}
"""By the names of AWS's exceptions: status, type and code as OpenAI has them."""

_REPEATING = frozenset(("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignatureException"))
"""Errors whose message repeats what was signed, the session's token included."""
_OWN_STATUS = frozenset(("ModelErrorException",))
"""Errors whose status on the wire says something else here."""


class _Inner(Struct):
    kind: str = msgspec.field(name="__type", default="")


class _Body(Struct):
    message: str | None = None
    older: str | None = msgspec.field(name="Message", default=None)
    kind: str = msgspec.field(name="__type", default="")
    inner: _Inner | None = msgspec.field(name="Output", default=None)


_body = msgspec.json.Decoder(_Body)


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The provider's error with its status and message, and type and code by the kind that its header names."""
    if status < HTTPStatus.BAD_REQUEST:
        return UpstreamError(f"The provider answered with status {status}, which the gateway does not follow.")
    told = _read(body)
    header = next((value.decode("latin-1") for name, value in headers if name == b"x-amzn-errortype"), "")
    name = _plain(header or told.kind or (told.inner.kind if told.inner else ""))
    kind = _KINDS.get(name) or _of_status(status, name)
    return UpstreamError(
        _message(told, status, name),
        status=kind.status if name in _OWN_STATUS else status,
        type=kind.type,
        code=kind.code,
        retry_after=retry_after(headers),
    )


def explain_inside(message: Message) -> UpstreamError:
    """An error that came as a frame of a stream: an exception that the service models, or an error of the framing."""
    headers = message.headers
    if headers.get(":message-type") == "exception":
        name = str(headers.get(":exception-type", ""))
        told = _read(message.payload)
    else:
        name = str(headers.get(":error-code", ""))
        told = _Body(message=str(headers.get(":error-message", "")))
    name = name[:1].upper() + name[1:]
    kind = _KINDS.get(name) or _FAULTS
    return UpstreamError(_message(told, kind.status, name), status=kind.status, type=kind.type, code=kind.code)


def _read(body: bytes) -> _Body:
    try:
        return _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Body()


def _plain(name: str) -> str:
    """`ValidationException:http://internal…` and `com.amazon.coral.service#Kind` without what is around the name."""
    return name.partition(":")[0].rpartition("#")[2].strip()


def _message(told: _Body, status: int, name: str) -> str:
    if name in _REPEATING:
        return f"The provider refuses the request's signature ({name}): check the AWS keys and this machine's clock."
    text = (told.message or told.older or "")[:_TEXT_MAX]
    return text or f"The provider answered with {name or f'status {status}'} and no message."


def _of_status(status: int, name: str) -> _Kind:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Kind(status, "server_error", name or "server_error")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _Kind(status, "rate_limit_error", name or "rate_limit_exceeded")
    return _Kind(status, "invalid_request_error", name or "invalid_request")
