"""The errors a client can meet, in OpenAI's shape. One place in the gateway renders them.

    GatewayError
    ├── BadRequest 400 ── UnsupportedParameter 400
    ├── Unauthorized 401          no key, or one nobody knows
    ├── Forbidden 403             a known key without the right
    ├── UnknownModel 404
    ├── NotFound 404 / MethodNotAllowed 405 / RequestTimeout 408 / AlreadyThere 409
    ├── TooLarge 413 / UnsupportedMediaType 415 / HeadersTooLarge 431
    ├── ReadTooSlowly 503         told inside a stream that several clients share
    ├── Overloaded 503            this gateway has no room, comes with Retry-After
    ├── DeadlineExceeded 504      the call had a deadline
    ├── NotCached 504             only an answer from the cache was wanted
    ├── Unavailable 503           the gateway's database, or an issuer of tokens, does not answer
    ├── ProviderUnusable 503      what a provider's dialect needs is broken or not installed
    └── UpstreamError             the provider's status; 502 where it has none
        ├── UpstreamUnreachable 502
        ├── StreamIncomplete 502
        └── UpstreamTimeout 504

OpenAI's own codes: https://platform.openai.com/docs/guides/error-codes/api-errors
"""

from typing import Any

import msgspec


class GatewayError(Exception):
    """Something a client is told: status, type, code, the parameter at fault and a sentence that says what to do."""

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    retryable: bool = False
    """Whether the same request may succeed at another time or place."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else self.code
        self.param = param
        self.retry_after = retry_after
        self.headers = headers
        self.further: dict[str, Any] | None = None
        """Members beside OpenAI's own: `attempts`, and `sent` of a broken stream."""

    def body(self) -> bytes:
        """The error as OpenAI writes it."""
        told = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": told | self.further if self.further else told})


class BadRequest(GatewayError):
    """The client's request is wrong in itself."""

    status = 400
    type = "invalid_request_error"


class UnsupportedParameter(BadRequest):
    """The chosen provider can't take a parameter."""

    code = "unsupported_parameter"


class Unauthorized(GatewayError):
    """No key, or one that nobody knows."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class Forbidden(GatewayError):
    """The key is known and lacks the right."""

    status = 403
    type = "invalid_request_error"
    code = "permission_denied"


class UnknownModel(GatewayError):
    """No route or provider of that name."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class NotFound(GatewayError):
    """No such path."""

    status = 404
    type = "invalid_request_error"
    code = "unknown_url"


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTimeout(GatewayError):
    """The client did not send its request in time."""

    status = 408
    type = "invalid_request_error"
    code = "request_timeout"


class AlreadyThere(GatewayError):
    """Something else stands in the way of what is asked."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


class TooLarge(GatewayError):
    """The body is over the limit."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaType(GatewayError):
    """The body is not plain JSON."""

    status = 415
    type = "invalid_request_error"
    code = "unsupported_media_type"


class HeadersTooLarge(GatewayError):
    """The headers are over the limit."""

    status = 431
    type = "invalid_request_error"
    code = "headers_too_large"


class Overloaded(GatewayError):
    """The gateway, or its share of a provider, is full."""

    status = 503
    code = "overloaded"
    retryable = True


class DeadlineExceeded(GatewayError):
    """The time that the client or the configuration gave the whole call is over."""

    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"


class ReadTooSlowly(GatewayError):
    """The client read an answer so much more slowly than others who share it that it is not kept for it any longer."""

    status = 503
    code = "read_too_slowly"
    retryable = True


class NotCached(GatewayError):
    """Only an answer from the cache was wanted, and there is none that will do.

    https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7
    """

    status = 504
    type = "invalid_request_error"
    code = "cache_miss"


class Unavailable(GatewayError):
    """Something that only the gateway's own services know can't be told now."""

    status = 503
    retryable = True


class ProviderUnusable(GatewayError):
    """The adapter of a provider's dialect can't be used; only whoever runs the gateway can change that."""

    status = 503
    code = "provider_unusable"
    retryable = True


class UpstreamError(GatewayError):
    """The provider answered with an error: its status and its message."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        status: int = 502,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        raw: bytes | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after=retry_after, headers=headers)
        self.status = status
        if type is not None:
            self.type = type
        self.raw = raw
        self.said: bytes | None = None
        """The provider's own bytes, whatever their shape."""
        self.retryable = status in (408, 409, 429) or status >= 500

    def body(self) -> bytes:
        """The provider's own bytes where they already have OpenAI's shape."""
        return self.raw if self.raw is not None and self.further is None else super().body()


class UpstreamUnreachable(UpstreamError):
    """No connection, or one that broke before the answer."""

    code = "upstream_unreachable"


class StreamIncomplete(UpstreamError):
    """A stream that ended as streams do, but before its answer was whole."""

    code = "stream_incomplete"

    def __init__(self, message: str = "The provider's stream ended before its answer did.") -> None:
        super().__init__(message)


class UpstreamTimeout(UpstreamError):
    """The provider was too slow."""

    code = "upstream_timeout"

    def __init__(self, message: str) -> None:
        super().__init__(message, status=504, type="timeout_error", code="upstream_timeout")
