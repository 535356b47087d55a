"""`x-request-id` on every answer that Litestar sends, whichever handler made it."""

from typing import Any

from gateway.call import request_id_of


async def add_request_id(message: Any, scope: Any) -> None:
    """A `before_send` hook."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id_of(dict(scope["headers"])))]
