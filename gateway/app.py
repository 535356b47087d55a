"""The composition root: what is served where.

A request passes, from the outside in: the HTTP server (`server/`) → the door (`api/`: caller, body, errors) →
telemetry → limits (`layers/`) → router (`routing/`) → dispatch → upstream; and back through the relay. `onion.build`
puts the layers of a configuration together; a reload swaps them in one assignment.
"""

from collections.abc import Awaitable
from typing import Any

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from adapters.wire.errors import GatewayError
from config.schema import Operation
from gateway.api.admin.keys import key_doors
from gateway.api.admin.usage import usage_doors
from gateway.api.bodies import Bodies
from gateway.api.compatibility import compatibility_door
from gateway.api.faults import answer_fault, answer_gateway_error, answer_http_exception
from gateway.api.files.doors import file_doors
from gateway.api.files.uploads import upload_doors
from gateway.api.formats import MESSAGES, MODERATIONS, OPENAI, Format
from gateway.api.health import health_doors
from gateway.api.inference import InferenceDoor
from gateway.api.metrics import metrics_door
from gateway.api.models import model_doors
from gateway.api.openapi import openapi_door
from gateway.api.request_id import add_request_id
from gateway.api.vector_stores.doors import vector_store_doors
from gateway.closing import Closing
from gateway.observe.snapshots import Snapshots
from gateway.onion import Live

_DOORS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/rerank": "rerank",
    "/v2/rerank": "rerank",
    "/rerank": "rerank",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/moderations": "moderations",
}
_FORMATS: dict[Operation, Format] = {"messages": MESSAGES, "count_tokens": MESSAGES, "moderations": MODERATIONS}


class _Doors(Litestar):
    """Litestar with msgspec alone: by itself it imports pydantic and attrs where they are installed (0.1 s)."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


class App:
    """The ASGI application that serves what `live` holds.

    The inference doors stand before Litestar: finding a route there costs a sixth of what the whole request does
    (docs/decisions/0002-doors-before-the-framework.md). Everything else is an ordinary Litestar handler.
    """

    __slots__ = ("_doors", "bodies", "litestar")

    def __init__(self, live: Live, snapshots: Snapshots | None = None) -> None:
        self.bodies = bodies = Bodies()
        closing = Closing()
        self._doors = {
            path: InferenceDoor(operation, live, bodies, closing, _FORMATS.get(operation, OPENAI))
            for path, operation in _DOORS.items()
        }
        self.litestar = _Doors(
            route_handlers=[
                *model_doors(live),
                *health_doors(live.around.health),
                metrics_door(live, snapshots),
                openapi_door(live),
                compatibility_door(live),
                *key_doors(live),
                *usage_doors(live),
                *file_doors(live),
                *upload_doors(live),
                vector_store_doors(live),
            ],
            exception_handlers={
                GatewayError: answer_gateway_error,
                HTTPException: answer_http_exception,
                Exception: answer_fault,
            },
            before_send=[add_request_id],
            openapi_config=None,
            logging_config=None,
        )

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one request."""
        return self._doors.get(scope["path"], self.litestar)(scope, receive, send)
