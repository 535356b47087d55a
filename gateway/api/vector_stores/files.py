"""/v1/vector_stores/{id}/files: files are attached, listed, shown, described, read and taken out."""

import codecs
from collections.abc import AsyncIterator
from typing import Annotated, get_args

import msgspec
from litestar import get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response, Stream

from adapters.wire.errors import BadRequest
from gateway.api.answers import json_answer
from gateway.api.vector_stores.opened import AnyRequest, asked_of, is_id, listing, opened
from gateway.api.vector_stores.shapes import AttributesChange, NewStoreFile, read
from gateway.api.vector_stores.shown import file_shown, list_shown
from gateway.api.vector_stores.stores import BODY_BYTES, StoreId, found_store, living_store
from gateway.onion import Live
from gateway.vector_stores.engine import VectorStoreEngine
from gateway.vector_stores.faults import no_file
from gateway.vector_stores.kept import Status, Store, StoreFile

STATUSES: tuple[Status, ...] = get_args(Status)
FileId = Annotated[str, PathParameter()]


def store_file_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of files in stores, over what `live` holds."""
    doors = StoreFileDoors(live)

    @route(
        "/v1/vector_stores/{vector_store_id:str}/files",
        http_method=["GET", "POST"],
        status_code=200,
        request_max_body_size=BODY_BYTES,
    )
    async def all_files(request: AnyRequest, vector_store_id: StoreId) -> Response[bytes]:
        work = doors.page if request.method == "GET" else doors.attach
        return await work(request, vector_store_id)

    one = {"GET": doors.retrieve, "POST": doors.update, "DELETE": doors.delete}

    @route(
        "/v1/vector_stores/{vector_store_id:str}/files/{file_id:str}",
        http_method=["GET", "POST", "DELETE"],
        status_code=200,
        request_max_body_size=BODY_BYTES,
    )
    async def one_file(request: AnyRequest, vector_store_id: StoreId, file_id: FileId) -> Response[bytes]:
        return await one[request.method](request, vector_store_id, file_id)

    @get("/v1/vector_stores/{vector_store_id:str}/files/{file_id:str}/content")
    async def file_content(request: AnyRequest, vector_store_id: StoreId, file_id: FileId) -> Stream:
        return await doors.content(request, vector_store_id, file_id)

    return [all_files, one_file, file_content]


class StoreFileDoors:
    """What each door does."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def attach(self, request: AnyRequest, id: str) -> Response[bytes]:
        """Have a file taken in."""
        async with opened(self._live, request) as (engine, caller):
            asked = read(await request.body(), NewStoreFile)
            store = await living_store(engine, caller.owner, id)
            return json_answer(file_shown(await engine.attach(caller, store, asked.wanted())))

    async def page(self, request: AnyRequest, id: str) -> Response[bytes]:
        """Some of a store's files."""
        async with opened(self._live, request) as (engine, caller):
            return json_answer(await files_page(engine, request, await found_store(engine, caller.owner, id)))

    async def retrieve(self, request: AnyRequest, id: str, file_id: str) -> Response[bytes]:
        """One file of a store."""
        async with opened(self._live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, id)
            return json_answer(file_shown(await found_file(engine, store, file_id)))

    async def update(self, request: AnyRequest, id: str, file_id: str) -> Response[bytes]:
        """Give a file other attributes."""
        async with opened(self._live, request) as (engine, caller):
            attributes = read(await request.body(), AttributesChange).said()
            store = await living_store(engine, caller.owner, id)
            if not is_id(file_id):
                raise no_file(file_id, id)
            return json_answer(file_shown(await engine.describe(store, file_id, attributes)))

    async def delete(self, request: AnyRequest, id: str, file_id: str) -> Response[bytes]:
        """Take a file out."""
        async with opened(self._live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, id)
            if not is_id(file_id):
                raise no_file(file_id, id)
            await engine.take_out(store, file_id)
            return json_answer({"id": file_id, "object": "vector_store.file.deleted", "deleted": True})

    async def content(self, request: AnyRequest, id: str, file_id: str) -> Stream:
        """The text of a file."""
        async with opened(self._live, request) as (engine, caller):
            store = await found_store(engine, caller.owner, id)
            text = engine.content(await found_file(engine, store, file_id))
            first = await anext(text, b"")  # so that a fault is told with its status
            return Stream(_page(first, text), media_type="application/json")


async def found_file(engine: VectorStoreEngine, store: Store, file_id: str) -> StoreFile:
    """A file of a store. Raises NotFound."""
    if not is_id(file_id):
        raise no_file(file_id, store.id)
    return await engine.files.get(store, file_id)


async def files_page(
    engine: VectorStoreEngine, request: AnyRequest, store: Store, batch: str | None = None
) -> dict[str, object]:
    """Some files of a store, or of a batch."""
    query = listing(request, "filter")
    asked = await asked_of(query, lambda file: engine.files.place(store, file), lambda file: no_file(file, store.id))
    page = await engine.files.page(store, asked, _status(query.get("filter")), batch)
    return list_shown([file_shown(file) for file in page.items], more=page.has_more)


def _status(text: str | None) -> Status | None:
    for status in STATUSES:
        if status == text:
            return status
    if text is None:
        return None
    raise BadRequest(f"'filter' is one of {', '.join(STATUSES)}.", param="filter", code="invalid_value")


async def _page(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A text as the only item of a page, however long it is."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    yield b'{"object":"vector_store.file_content.page","data":['
    if first:
        yield b'{"type":"text","text":"' + _inside(decoder.decode(first))
        async for data in rest:
            yield _inside(decoder.decode(data))
        yield _inside(decoder.decode(b"", final=True)) + b'"}'
    yield b'],"has_more":false,"next_page":null}'


def _inside(text: str) -> bytes:
    """As it stands between the quotes of JSON."""
    return msgspec.json.encode(text)[1:-1]
