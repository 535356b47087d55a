"""Requests for vector stores that live with a provider: they are sent on before any other door sees them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar.response import Response

from adapters.wire.errors import BadRequest
from config.vector_stores import VectorStores
from gateway.api.answers import json_answer
from gateway.api.vector_stores.opened import AnyRequest, is_id, opened
from gateway.auth import Caller
from gateway.onion import Live
from gateway.vector_stores.elsewhere import Elsewhere
from gateway.vector_stores.engine import VectorStoreEngine
from gateway.vector_stores.faults import no_store
from gateway.vector_stores.kept import Store

_PREFIX: Final = "/v1/vector_stores/"
_MARK: Final = "~"
"""In the ids of stores that live elsewhere, and in no other."""


def passing_on(live: Live) -> Callable[[AnyRequest], Awaitable[Response[bytes] | None]]:
    """What is asked first, and answers for such a store."""

    async def pass_on(request: AnyRequest) -> Response[bytes] | None:
        id = str(request.path_params.get("vector_store_id", ""))  # noqa: A001 - as everywhere in these doors
        if _MARK not in id:
            return None
        async with opened(live, request) as (engine, caller):
            store = await engine.stores.get(caller.owner, id) if is_id(id) else None
            if store is None or store.provider is None:
                raise no_store(id)
            path = request.scope["path"].removeprefix(_PREFIX + id)
            body = _decoded(await request.body()) if request.method == "POST" else None
            query = dict(request.query_params)
            elsewhere = elsewhere_of(live, engine, caller, store.provider)
            return json_answer(await elsewhere.pass_on(request.method, store, path, query, body))

    return pass_on


def provider_for(settings: VectorStores, metadata: dict[str, str]) -> str | None:
    """Where a new store is to live; None for here. Raises BadRequest."""
    name = metadata.get("provider")
    if name is None:
        by_default = settings.backend in settings.providers and "backend" not in metadata
        return settings.backend if by_default else None
    if not settings.providers or name in settings.providers:
        return name if settings.providers else None
    known = ", ".join(settings.providers)
    raise BadRequest(f"'metadata.provider' names one of {known}.", param="metadata.provider", code="invalid_value")


def elsewhere_of(live: Live, engine: VectorStoreEngine, caller: Caller, provider: str) -> Elsewhere:
    """The stores of a provider. Raises NotFound where it is no longer configured."""
    found = live.onion.providers.get(provider)
    if found is None:
        raise no_store(provider)
    return Elsewhere(found, caller.owner, engine.stores, engine.source)


async def shown_elsewhere(live: Live, engine: VectorStoreEngine, caller: Caller, store: Store) -> Any:
    """A store of a provider as it is now."""
    return await elsewhere_of(live, engine, caller, store.provider or "").show(store)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The request's body is no JSON.", code="invalid_json") from None
