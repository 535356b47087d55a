"""/v1/vector_stores/{id}/search: what a store has to say to a question."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from gateway.api.answers import json_answer
from gateway.api.vector_stores.opened import AnyRequest, opened
from gateway.api.vector_stores.stores import StoreId, living_store
from gateway.onion import Live
from gateway.search.engine import Place, Search
from gateway.search.question import read_question
from gateway.vector_stores.engine import VectorStoreEngine
from gateway.vector_stores.kept import Store

_BODY_BYTES = 262_144


def search_door(live: Live) -> HTTPRouteHandler:
    """The door, over what `live` holds."""

    @post("/v1/vector_stores/{vector_store_id:str}/search", status_code=200, request_max_body_size=_BODY_BYTES)
    async def search_store(request: AnyRequest, vector_store_id: StoreId) -> Response[bytes]:
        async with opened(live, request) as (engine, caller):
            question = read_question(await request.body())
            store = await living_store(engine, caller.owner, vector_store_id)
            engine.searched(store)
            found = await Search(engine.inside(), engine.settings()).find(caller, _place(engine, store), question)
            response = json_answer(found.page)
            if found.dropped:
                response.set_header("x-isthmus-dropped", ", ".join(found.dropped))
            return response

    return search_store


def _place(engine: VectorStoreEngine, store: Store) -> Place:
    return Place(
        store=store.id,
        backend=engine.backends.find(store.backend),
        model=store.model,
        dimensions=store.dimensions,
        names=lambda ids: engine.files.names(store, ids),
    )
