"""/v1/vector_stores: stores are made, listed, shown, changed and removed."""

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response

from adapters.wire.errors import NotFound
from gateway.api.answers import json_answer
from gateway.api.vector_stores.elsewhere import elsewhere_of, provider_for, shown_elsewhere
from gateway.api.vector_stores.opened import AnyRequest, asked_of, is_id, listing, opened
from gateway.api.vector_stores.shapes import NewStore, StoreChange, read
from gateway.api.vector_stores.shown import list_shown, store_shown
from gateway.auth import Caller
from gateway.onion import Live
from gateway.vector_stores.engine import VectorStoreEngine
from gateway.vector_stores.faults import expired, no_store
from gateway.vector_stores.kept import Store

BODY_BYTES = 1_048_576
StoreId = Annotated[str, PathParameter()]


def store_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of stores, over what `live` holds."""
    doors = StoreDoors(live)

    @route("/v1/vector_stores", http_method=["GET", "POST"], status_code=200, request_max_body_size=BODY_BYTES)
    async def all_stores(request: AnyRequest) -> Response[bytes]:
        return await (doors.page(request) if request.method == "GET" else doors.create(request))

    one = {"GET": doors.retrieve, "POST": doors.update, "DELETE": doors.delete}

    @route(
        "/v1/vector_stores/{vector_store_id:str}",
        http_method=["GET", "POST", "DELETE"],
        status_code=200,
        request_max_body_size=BODY_BYTES,
    )
    async def one_store(request: AnyRequest, vector_store_id: StoreId) -> Response[bytes]:
        return await one[request.method](request, vector_store_id)

    return [all_stores, one_store]


class StoreDoors:
    """What each door does."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def create(self, request: AnyRequest) -> Response[bytes]:
        """Make a store."""
        async with opened(self._live, request) as (engine, caller):
            body = await request.body()
            asked = read(body, NewStore)
            settings = engine.settings()
            if (provider := provider_for(settings, asked.metadata or {})) is not None:
                elsewhere = elsewhere_of(self._live, engine, caller, provider)
                return json_answer(await elsewhere.create(msgspec.json.decode(body or b"{}"), settings.stores_of_owner))
            return json_answer(store_shown(await engine.create(caller, asked.settings(), asked.wanted())))

    async def page(self, request: AnyRequest) -> Response[bytes]:
        """Some of the caller's stores."""
        async with opened(self._live, request) as (engine, caller):
            asked = await asked_of(listing(request), lambda store: engine.stores.place(caller.owner, store), no_store)
            found = await engine.stores.page(caller.owner, asked)
            shown = await asyncio.gather(*(self._shown(engine, caller, store) for store in found.items))
            return json_answer(list_shown([each for each in shown if each is not None], more=found.has_more))

    async def retrieve(self, request: AnyRequest, id: str) -> Response[bytes]:
        """One store."""
        async with opened(self._live, request) as (engine, caller):
            return json_answer(store_shown(await found_store(engine, caller.owner, id)))

    async def update(self, request: AnyRequest, id: str) -> Response[bytes]:
        """Change what is named."""
        async with opened(self._live, request) as (engine, caller):
            change = read(await request.body(), StoreChange)
            store = await found_store(engine, caller.owner, id)
            if store.expired:
                raise expired(id)
            return json_answer(store_shown(await engine.stores.update(store, change.applied(store.settings))))

    async def delete(self, request: AnyRequest, id: str) -> Response[bytes]:
        """Remove a store."""
        async with opened(self._live, request) as (engine, caller):
            if not is_id(id):
                raise no_store(id)
            await engine.delete(caller.owner, id)
            return json_answer({"id": id, "object": "vector_store.deleted", "deleted": True})

    async def _shown(self, engine: VectorStoreEngine, caller: Caller, store: Store) -> dict[str, Any] | None:
        """A store of a list; None for one that is gone where it lived."""
        if store.provider is None:
            return store_shown(store)
        try:
            told: dict[str, Any] = await shown_elsewhere(self._live, engine, caller, store)
        except NotFound:
            return None
        return told


async def found_store(engine: VectorStoreEngine, owner: str, id: str) -> Store:
    """A store, expired or not. Raises NotFound."""
    if not is_id(id):
        raise no_store(id)
    return await engine.stores.get(owner, id)


async def living_store(engine: VectorStoreEngine, owner: str, id: str) -> Store:
    """A store that can be used. Raises NotFound, and BadRequest where it has expired."""
    if not is_id(id):
        raise no_store(id)
    return await engine.stores.living(owner, id)
