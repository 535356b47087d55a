"""GET /metrics: what all workers counted, as Prometheus reads it."""

import hashlib
import hmac
from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from adapters.wire.errors import Forbidden, NotFound, Unauthorized
from config.http_syntax import is_loopback
from config.schema import Config
from gateway.observe.exposition import CONTENT_TYPE, expose
from gateway.observe.snapshots import Snapshots
from gateway.onion import Live


def metrics_door(live: Live, snapshots: Snapshots | None) -> HTTPRouteHandler:
    """The door; without snapshots there are no metrics."""

    @get("/metrics")
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        if snapshots is None:
            raise NotFound("Metrics are off (telemetry.metrics).")
        _check(live.onion.config, request.headers.get("authorization"))
        return Response(expose(await snapshots.collect()), media_type=CONTENT_TYPE)

    return metrics


def _check(config: Config, authorization: str | None) -> None:
    """Raises Unauthorized, and Forbidden where others than this machine could ask and no key is configured."""
    key = config.telemetry.metrics_key
    if key is None:
        if not is_loopback(config.server.host):
            raise Forbidden(
                "Metrics are for this machine only. Set telemetry.metrics_key and send it as a bearer token.",
                code="metrics_key_missing",
            )
        return
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), _digest(key)):
        raise Unauthorized(
            "Metrics need the key of telemetry.metrics_key as 'Authorization: Bearer KEY'.",
            headers=((b"www-authenticate", b"Bearer"),),
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
