"""GET /compatibility.json: what becomes of each request field at each provider of this gateway."""

from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from adapters.inference.compatibility import support
from gateway.api.models import caller_of
from gateway.onion import Live


def compatibility_door(live: Live) -> HTTPRouteHandler:
    """The door, over what `live` holds."""

    @get("/compatibility.json")
    async def tell(request: Request[Any, Any, Any]) -> Response[bytes]:
        onion = live.onion
        await caller_of(onion, request)
        told = {
            name: {
                operation: fields
                for operation in provider.settings.operations
                if (fields := support(provider.settings, provider.adapter, operation))
            }
            for name, provider in onion.providers.items()
        }
        return Response(msgspec.json.encode(told), media_type="application/json")

    return tell
