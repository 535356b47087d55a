"""Whether the gateway lives, and whether it takes requests."""

from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from gateway.observe.health import Health


@get("/health/live", sync_to_thread=False)
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


def ready_door(health: Health) -> HTTPRouteHandler:
    """The door of those who send requests here, or do not."""

    @get("/health/ready", sync_to_thread=False)
    def ready() -> Response[dict[str, Any]]:
        """200 while requests are served, also where something they need is degraded: it says what, as last known."""
        if health.phase != "serving":
            return Response({"status": health.phase}, status_code=503)
        degraded = health.degraded()
        if degraded:
            return Response({"status": "degraded", "degraded": degraded})
        return Response({"status": "ok"})

    return ready


def health_doors(health: Health) -> list[HTTPRouteHandler]:
    """Both."""
    return [live, ready_door(health)]
