"""Errors of the ordinary doors, and of paths and methods that do not exist, in OpenAI's shape."""

import logging
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.response import Response

from adapters.wire.errors import BadRequest, GatewayError, MethodNotAllowed, NotFound, TooLarge
from gateway.errors import render

log = logging.getLogger("isthmus.server")


def answer_gateway_error(request: Request[Any, Any, Any], error: GatewayError) -> Response[bytes]:
    """Answer with an error of ours."""
    status, headers, body = render(error)
    told = {name.decode(): value.decode("latin-1") for name, value in headers if name != b"content-length"}
    return Response(body, status_code=status, headers=told, media_type="application/json")


def answer_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refuses: an unknown path, a wrong method, a wrong parameter."""
    method, path = request.scope["method"], request.scope["path"][:256]
    if error.status_code == 404:
        fault: GatewayError = NotFound(f"Unknown request URL: {method} {path}. OpenAI's paths are served under /v1.")
    elif error.status_code == 405:
        fault = MethodNotAllowed(f"Not allowed: {method} {path}.", headers=_allowed(error))
    elif error.status_code == 413:
        fault = TooLarge("The request's body is over what this path takes.")
    elif error.status_code < 500:
        fault = BadRequest(error.detail)
    else:
        return answer_fault(request, error)
    return answer_gateway_error(request, fault)


def answer_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of our own: the log says which."""
    log.error("%s %s failed", request.scope["method"], request.scope["path"], exc_info=error)
    return answer_gateway_error(request, GatewayError("The gateway failed; its log says why."))


def _allowed(error: HTTPException) -> tuple[tuple[bytes, bytes], ...]:
    allow = (error.headers or {}).get("Allow") or (error.headers or {}).get("allow")
    return ((b"allow", allow.encode()),) if allow else ()
