"""What Ollama says when it refuses: `{"error": "text"}`, or an object on its OpenAI surface.

https://github.com/ollama/ollama/blob/main/docs/api/errors.mdx
"""

from http import HTTPStatus

from adapters.inference.contract import Headers
from adapters.inference.openai import errors as openai
from adapters.wire.errors import UpstreamError

# Both surfaces leave the code empty. Both answer 404 in JSON for a model alone: an unknown path is told in plain text.
_TYPES_AND_CODES: dict[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("invalid_request_error", "invalid_api_key"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: ("rate_limit_error", "rate_limit_exceeded"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("server_error", "overloaded"),
}


def explain(status: int, headers: Headers, body: bytes) -> UpstreamError:
    """The error with the type and the code that its status stands for."""
    error = openai.explain(status, headers, body)
    known = _TYPES_AND_CODES.get(status) if body.lstrip().startswith(b"{") else None
    if known is not None and error.code == UpstreamError.code:
        error.type, error.code = known
        error.raw = None  # it has neither
    return error
