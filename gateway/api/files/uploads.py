"""/v1/uploads: a file arrives in parts, and is completed or cancelled."""

from contextlib import aclosing
from typing import Annotated, Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Response
from msgspec import Meta, Struct

from adapters.wire.errors import BadRequest, Unavailable
from config.file_storage import FileStorage
from gateway.api.admin.shapes import read
from gateway.api.answers import json_answer
from gateway.api.files.doors import give_time, opened
from gateway.api.files.elsewhere import provider_of
from gateway.api.files.form import NAME_PATTERN, Expiry, Purpose, lasting, name_of
from gateway.api.files.shapes import part_shown, upload_shown
from gateway.api.multipart import FileBegins, read_form
from gateway.files.engine import Arrival, Files
from gateway.files.uploads import Part, Upload, Uploads
from gateway.onion import Live

_BODY_BYTES = 1_048_576
_PART_BYTES = 67_108_864

_Request = Request[Any, Any, Any]
UploadId = Annotated[str, PathParameter()]


class NewUpload(Struct, forbid_unknown_fields=True, kw_only=True):
    """An upload to be made."""

    filename: Annotated[str, Meta(max_length=255, extra_json_schema={"pattern": NAME_PATTERN})]
    purpose: Purpose
    bytes: Annotated[int, Meta(ge=1, extra_json_schema={"maximum": 8_589_934_592})]
    mime_type: Annotated[str, Meta(max_length=255)]
    expires_after: Expiry | None = None


class Completion(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which parts make the file, in order."""

    part_ids: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=10_000)]
    md5: Annotated[str, Meta(pattern="^[0-9a-fA-F]{32}$")] | None = None


def upload_doors(live: Live) -> list[HTTPRouteHandler]:
    """The doors of uploads, over what `live` holds."""
    doors = UploadDoors(live)

    @post("/v1/uploads", status_code=200, request_max_body_size=_BODY_BYTES)
    async def new_upload(request: _Request) -> Response[bytes]:
        return await doors.create(request)

    @post("/v1/uploads/{upload_id:str}/parts", status_code=200, request_max_body_size=None)
    async def new_part(request: _Request, upload_id: UploadId) -> Response[bytes]:
        return await doors.add_part(request, upload_id)

    @post("/v1/uploads/{upload_id:str}/complete", status_code=200, request_max_body_size=_BODY_BYTES)
    async def complete_upload(request: _Request, upload_id: UploadId) -> Response[bytes]:
        return await doors.complete(request, upload_id)

    @post("/v1/uploads/{upload_id:str}/cancel", status_code=200, request_max_body_size=_BODY_BYTES)
    async def cancel_upload(request: _Request, upload_id: UploadId) -> Response[bytes]:
        return await doors.cancel(request, upload_id)

    return [new_upload, new_part, complete_upload, cancel_upload]


class UploadDoors:
    """What each door does."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def create(self, request: _Request) -> Response[bytes]:
        """Begin an upload."""
        async with opened(self._live, request) as (_, settings, caller):
            if provider_of(self._live, request, settings) is not None:
                raise BadRequest("Uploads are not sent on: send the file at once, to /v1/files.", code="invalid_header")
            asked = read(await request.body(), NewUpload)
            if asked.bytes > settings.upload_bytes:
                message = f"An upload has up to {settings.upload_bytes} bytes (files.upload_bytes)."
                raise BadRequest(message, param="bytes", code="invalid_value")
            name = name_of(asked.filename, param="filename")
            lasts = lasting(asked.purpose, asked.expires_after)
            upload = await self._uploads().create(
                caller.owner, name, asked.purpose, asked.bytes, lasts, settings.upload_seconds
            )
            return json_answer(upload_shown(upload, None))

    async def add_part(self, request: _Request, upload_id: str) -> Response[bytes]:
        """Take a part in."""
        async with opened(self._live, request) as (files, settings, caller):
            upload = await self._uploads().pending(caller.owner, upload_id)
            give_time(request, settings)
            part = await self._take_in(request, files, settings, upload)
            return json_answer(part_shown(part, upload.id))

    async def complete(self, request: _Request, upload_id: str) -> Response[bytes]:
        """Make the file."""
        async with opened(self._live, request) as (_, settings, caller):
            asked = read(await request.body(), Completion)
            upload, file = await self._uploads().complete(
                caller.owner, upload_id, asked.part_ids, asked.md5, settings.owner_bytes
            )
            return json_answer(upload_shown(upload, file))

    async def cancel(self, request: _Request, upload_id: str) -> Response[bytes]:
        """Forget it."""
        async with opened(self._live, request) as (_, _, caller):
            return json_answer(upload_shown(await self._uploads().cancel(caller.owner, upload_id), None))

    def _uploads(self) -> Uploads:
        uploads = self._live.around.uploads
        if uploads is None:
            raise Unavailable("This gateway was started without files: restart it.", code="files_unavailable")
        return uploads

    async def _take_in(self, request: _Request, files: Files, settings: FileStorage, upload: Upload) -> Part:
        arrival: Arrival | None = None
        events = read_form(
            request.receive,
            dict(request.scope["headers"]),
            files=("data",),
            most=min(_PART_BYTES, settings.upload_bytes),
            setting="of one part",
        )
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, FileBegins):
                        if arrival is not None:
                            raise BadRequest("Send one part at a time.", param="data", code="invalid_value")
                        arrival = await files.begin(upload.owner, "part_")
                    elif isinstance(event, bytes) and arrival is not None:
                        await arrival.write(event)
                    else:
                        raise BadRequest("A part is the field 'data' alone.", code="unknown_parameter")
            if arrival is None or not arrival.size:
                raise BadRequest("'data' is a required property", param="data", code="missing_parameter")
            return await self._uploads().keep_part(upload, arrival, settings.upload_bytes, settings.owner_bytes)
        finally:
            if arrival is not None:
                await arrival.end()
