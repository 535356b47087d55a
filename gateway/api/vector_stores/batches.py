"""/v1/vector_stores/{id}/file_batches: files are attached together, looked after and given up together."""

from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response

from gateway.api.answers import json_answer
from gateway.api.vector_stores.files import files_page
from gateway.api.vector_stores.opened import AnyRequest, is_id, opened
from gateway.api.vector_stores.shapes import NewFileBatch, read
from gateway.api.vector_stores.shown import batch_shown
from gateway.api.vector_stores.stores import StoreId, found_store, living_store
from gateway.onion import Live
from gateway.vector_stores.faults import no_batch

_BODY_BYTES = 33_554_432
"""2,000 files with all the attributes that they may have."""
BatchId = Annotated[str, PathParameter()]


def batch_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of batches, over what `live` holds."""
    path = "/v1/vector_stores/{vector_store_id:str}/file_batches"

    @post(path, status_code=200, request_max_body_size=_BODY_BYTES)
    async def create_batch(request: AnyRequest, vector_store_id: StoreId) -> Response[bytes]:
        async with opened(live, request) as (engine, caller):
            asked = read(await request.body(), NewFileBatch)
            store = await living_store(engine, caller.owner, vector_store_id)
            return json_answer(batch_shown(await engine.attach_batch(caller, store, asked.wanted())))

    @get(path + "/{batch_id:str}")
    async def one_batch(request: AnyRequest, vector_store_id: StoreId, batch_id: BatchId) -> Response[bytes]:
        async with opened(live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, vector_store_id)
            return json_answer(batch_shown(await engine.files.batch(store, _checked(batch_id))))

    @post(path + "/{batch_id:str}/cancel", status_code=200)
    async def cancel_batch(request: AnyRequest, vector_store_id: StoreId, batch_id: BatchId) -> Response[bytes]:
        async with opened(live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, vector_store_id)
            return json_answer(batch_shown(await engine.cancel(store, _checked(batch_id))))

    @get(path + "/{batch_id:str}/files")
    async def batch_files(request: AnyRequest, vector_store_id: StoreId, batch_id: BatchId) -> Response[bytes]:
        async with opened(live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, vector_store_id)
            batch = await engine.files.batch(store, _checked(batch_id))
            return json_answer(await files_page(engine, request, store, batch.id))

    return [create_batch, one_batch, cancel_batch, batch_files]


def _checked(id: str) -> str:
    """An id that a batch may have. Raises NotFound."""
    if not is_id(id):
        raise no_batch(id)
    return id
