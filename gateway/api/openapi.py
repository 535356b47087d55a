"""GET /openapi.json: what this gateway serves, for people, for tools, and for the tests that hold it to its word."""

from functools import cache
from importlib.metadata import version
from importlib.resources import files

import msgspec
import yaml
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from gateway.onion import Live


def openapi_door(live: Live) -> HTTPRouteHandler:
    """The door of the description; keys are part of it where the configuration has some."""

    @get("/openapi.json", sync_to_thread=True)  # the file is read the first time
    def describe() -> Response[bytes]:
        return Response(description(with_keys=bool(live.onion.config.keys)), media_type="application/json")

    return describe


@cache
def description(*, with_keys: bool) -> bytes:
    """The description as an OpenAPI 3.1 document in JSON (https://spec.openapis.org/oas/v3.1.1)."""
    document = yaml.safe_load((files(__package__) / "openapi.yaml").read_text("utf-8"))
    document["info"]["version"] = version("isthmus")
    document["security"] = [{name: []} for name in document["components"]["securitySchemes"]] if with_keys else []
    return msgspec.json.encode(document)
