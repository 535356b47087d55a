"""Whether the gateway lives, and whether it takes requests."""

from litestar import get
from litestar.handlers import HTTPRouteHandler


@get("/health/live", sync_to_thread=False)
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/health/ready", sync_to_thread=False)
def ready() -> dict[str, str]:
    """The configuration is loaded and requests are taken; while draining, nothing listens here any more."""
    return {"status": "ok"}


health_doors: list[HTTPRouteHandler] = [live, ready]
