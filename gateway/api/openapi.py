"""GET /openapi.json: what this gateway serves, for people, for tools, and for the tests that hold it to its word."""

from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import msgspec
import yaml
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from gateway.api.admin.shapes import KeyChange, NewKey, Rotation
from gateway.api.files.uploads import Completion, NewUpload
from gateway.api.vector_stores.shapes import AttributesChange, NewFileBatch, NewStore, NewStoreFile, StoreChange
from gateway.onion import Live

_STORED = (NewStore, StoreChange, NewStoreFile, NewFileBatch, AttributesChange)
_SENT = (NewKey, KeyChange, Rotation, NewUpload, Completion, *_STORED)
_PARTS = ("admin", "files", "vector_stores")
"""Folders whose doors are described beside them."""


def openapi_door(live: Live) -> HTTPRouteHandler:
    """The door of the description; keys are part of it where something says who may use the gateway."""

    @get("/openapi.json", sync_to_thread=True)  # the files are read the first time
    def describe() -> Response[bytes]:
        config = live.onion.config
        guarded = bool(config.keys or config.issuers or config.admin)
        return Response(description(with_keys=guarded), media_type="application/json")

    return describe


@cache
def description(*, with_keys: bool) -> bytes:
    """The description as an OpenAPI 3.1 document in JSON (https://spec.openapis.org/oas/v3.1.1)."""
    document = _read("openapi.yaml")
    keys = list(document["components"]["securitySchemes"])
    for folder in _PARTS:
        part = _read(f"{folder}/openapi.yaml")
        document["paths"] |= part["paths"]
        for kind, components in part["components"].items():
            document["components"][kind] |= components
    _, shapes = msgspec.json.schema_components(_SENT, ref_template="#/components/schemas/{name}")
    document["components"]["schemas"] |= shapes
    document["info"]["version"] = version("isthmus")
    document["security"] = [{name: []} for name in keys] if with_keys else []
    return msgspec.json.encode(document)


def _read(name: str) -> Any:
    return yaml.safe_load((files("gateway.api") / name).read_text("utf-8"))
