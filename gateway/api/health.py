"""Whether the gateway lives, and whether it takes requests."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from gateway.call import request_id_of


@get("/health/live", sync_to_thread=False)
def live(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """The process answers."""
    return _well(request)


@get("/health/ready", sync_to_thread=False)
def ready(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """The configuration is loaded and requests are taken; while draining, nothing listens here any more."""
    return _well(request)


def _well(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    request_id = request_id_of(dict(request.scope["headers"]))
    return Response({"status": "ok"}, headers={"x-request-id": request_id.decode("latin-1")})


health_doors: list[HTTPRouteHandler] = [live, ready]
