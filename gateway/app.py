"""The composition root: what is served where.

A request passes, from the outside in: the HTTP server (`server/`) → Litestar, which finds the door → the door (`api/`:
caller, body, errors) → telemetry → limits (`layers/`) → router (`routing/`) → dispatch → upstream; and back through the
relay. `onion.build` puts the layers of a configuration together; a reload swaps them in one assignment.
"""

from litestar import Litestar, asgi
from litestar.exceptions import HTTPException

from adapters.wire.errors import GatewayError
from config.schema import Operation
from gateway.api.faults import answer_fault, answer_gateway_error, answer_http_exception
from gateway.api.health import health_doors
from gateway.api.inference import InferenceDoor
from gateway.api.models import model_doors
from gateway.onion import Live

_DOORS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
}


def create_app(live: Live) -> Litestar:
    """The ASGI application that serves what `live` holds."""
    inference = [asgi(path, copy_scope=False)(InferenceDoor(operation, live)) for path, operation in _DOORS.items()]
    return Litestar(
        route_handlers=[*inference, *model_doors(live), *health_doors],
        exception_handlers={
            GatewayError: answer_gateway_error,
            HTTPException: answer_http_exception,
            Exception: answer_fault,
        },
        openapi_config=None,
        logging_config=None,
    )
