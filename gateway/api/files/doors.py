"""/v1/files: files are made, listed, shown, read and removed."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, get, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response, Stream

from adapters.files.contract import BlobMissing, StoreUnavailable
from adapters.wire.errors import BadRequest, GatewayError, NotFound, Unavailable
from config.file_storage import FileStorage
from gateway.api.answers import json_answer, records_away
from gateway.api.files.elsewhere import provider_of, send_on
from gateway.api.files.form import FileForm, name_of, purpose_elsewhere
from gateway.api.files.shapes import listed, shown
from gateway.api.models import caller_of
from gateway.api.multipart import Field, FileBegins, read_form
from gateway.api.paging import is_ascending, limit_of, query_of
from gateway.auth import Caller
from gateway.files.elsewhere import Elsewhere, elsewhere_of
from gateway.files.engine import Arrival, Files, reason, unknown_file
from gateway.files.records import File
from gateway.onion import Live
from gateway.server.exchange import BODY_SECONDS, CUT
from gateway.state.records.contract import RecordsUnavailable

log = logging.getLogger("isthmus.files")

_PAGE = 10_000
_PAGE_MOST = 10_000

_Request = Request[Any, Any, Any]
FileId = Annotated[str, PathParameter()]


def file_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of files, over what `live` holds."""
    doors = FileDoors(live)

    @route("/v1/files", http_method=["GET", "POST"], status_code=200, request_max_body_size=None)
    async def all_files(request: _Request) -> Response[bytes]:
        return await (doors.page(request) if request.method == "GET" else doors.create(request))

    @route("/v1/files/{file_id:str}", http_method=["GET", "DELETE"], status_code=200)
    async def one_file(request: _Request, file_id: FileId) -> Response[bytes]:
        return await (doors.retrieve(request, file_id) if request.method == "GET" else doors.delete(request, file_id))

    @get("/v1/files/{file_id:str}/content")
    async def file_content(request: _Request, file_id: FileId) -> Stream:
        return await doors.content(request, file_id)

    return [all_files, one_file, file_content]


class FileDoors:
    """What each door does."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def create(self, request: _Request) -> Response[bytes]:
        """Take a file in."""
        async with opened(self._live, request) as (files, settings, caller):
            give_time(request, settings)
            provider = provider_of(self._live, request, settings)
            if provider is None:
                file = await self._take_in(request, files, settings, caller)
            else:
                file = await send_on(request, Elsewhere(provider, files), settings, caller)
            return json_answer(shown(file))

    async def page(self, request: _Request) -> Response[bytes]:
        """Some of the caller's files."""
        async with opened(self._live, request) as (files, settings, caller):
            provider = provider_of(self._live, request, settings)
            query = query_of(request, "purpose", "limit", "order", "after")
            found, more = await files.page(
                caller.owner,
                limit_of(query, _PAGE, _PAGE_MOST),
                query.get("after"),
                ascending=is_ascending(query),
                purpose=purpose_elsewhere(query["purpose"]) if "purpose" in query else None,
                provider=None if provider is None else provider.name,
            )
            return json_answer(listed(found, more=more))

    async def retrieve(self, request: _Request, file_id: str) -> Response[bytes]:
        """One file."""
        async with opened(self._live, request) as (files, _, caller):
            file = await files.get(caller.owner, file_id)
            if file.provider is not None:
                file = await elsewhere_of(self._live.onion.providers, file, files).retrieve(file)
            return json_answer(shown(file))

    async def delete(self, request: _Request, file_id: str) -> Response[bytes]:
        """Remove a file."""
        async with opened(self._live, request) as (files, _, caller):
            file = await files.get(caller.owner, file_id)
            if file.provider is not None:
                await elsewhere_of(self._live.onion.providers, file, files).delete(file)
            else:
                await files.delete(caller.owner, file_id)
            return json_answer({"id": file_id, "object": "file", "deleted": True})

    async def content(self, request: _Request, file_id: str) -> Stream:
        """The bytes of a file."""
        async with opened(self._live, request) as (files, _, caller):
            file = await files.get(caller.owner, file_id)
            pieces = files.read(file)
            first = await anext(pieces, b"")  # so that a fault is told with its status
            headers = {"content-disposition": _disposition(file.filename)}
            if file.provider is None:
                headers["content-length"] = str(file.bytes)
            cut = extension(request, CUT)
            return Stream(_whole(file, first, pieces, cut), headers=headers, media_type="application/octet-stream")

    async def _take_in(self, request: _Request, files: Files, settings: FileStorage, caller: Caller) -> File:
        form = FileForm()
        arrival: Arrival | None = None
        name = ""
        headers = dict(request.scope["headers"])
        try:
            events = read_form(
                request.receive, headers, files=("file",), most=settings.max_bytes, setting="files.max_bytes"
            )
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Field):
                        form.take(event)
                    elif isinstance(event, FileBegins):
                        if arrival is not None:
                            raise BadRequest("Send one file at a time.", param="file", code="invalid_value")
                        name = name_of(event.filename)
                        arrival = await files.begin(caller.owner)
                    elif arrival is not None:
                        await arrival.write(event)
            purpose, lasts = form.finish()
            if arrival is None:
                raise BadRequest("'file' is a required property", param="file", code="missing_parameter")
            if not arrival.size:
                raise BadRequest("File is empty.", param="file", code="empty_file")
            return await arrival.publish(name, purpose, lasts, settings.owner_bytes)
        finally:
            if arrival is not None:
                await arrival.end()


@asynccontextmanager
async def opened(live: Live, request: _Request) -> AsyncIterator[tuple[Files, FileStorage, Caller]]:
    """The files, how they are configured, and who asks; faults of the database and the store in words for a client."""
    onion = live.onion
    caller = await caller_of(onion, request)
    settings = onion.config.files
    if settings is None:
        raise NotFound(
            f"Unknown request URL: {request.method} {request.scope['path'][:256]}. "
            "Files are not served here: the configuration has no 'files'."
        )
    files = live.around.files
    if files is None:
        raise Unavailable("This gateway was started without files: restart it.", code="files_unavailable")
    try:
        yield files, settings, caller
    except RecordsUnavailable as error:
        log.error("files: %s", error)
        raise records_away() from None
    except StoreUnavailable as error:
        log.error("files: %s", error)
        raise Unavailable(
            "The store of files does not answer or has no room; nothing was kept. Try again later.",
            code="files_unavailable",
            retry_after=1,
        ) from None
    except BlobMissing:
        raise unknown_file(request.path_params.get("file_id", "")) from None


def give_time(request: _Request, settings: FileStorage) -> None:
    """A file has longer to arrive than other bodies."""
    extension(request, BODY_SECONDS)(settings.body_seconds, "files.body_seconds")


def extension(request: _Request, name: str) -> Callable[..., None]:
    """What the gateway's own server offers a door."""
    extensions: dict[str, Any] = request.scope["extensions"] or {}
    offered: Callable[..., None] = extensions[name]
    return offered


async def _whole(file: File, first: bytes, rest: AsyncIterator[bytes], cut: Callable[[], None]) -> AsyncIterator[bytes]:
    """The bytes of a file; where some are missing the connection is cut, so that nobody takes a part for the whole."""
    size = len(first)
    yield first
    why = ""
    try:
        async for piece in rest:
            size += len(piece)
            yield piece
    except (StoreUnavailable, BlobMissing, GatewayError) as error:
        why = reason(error)
    finally:
        await rest.aclose()  # type: ignore[attr-defined]
    if file.provider is None and size != file.bytes and not why:
        why = f"the store has {size} bytes of {file.bytes}"
    if why:
        log.error("the file %s could not be sent to its end: %s", file.id, why)
        cut()


def _disposition(filename: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc6266#section-4.3"""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
