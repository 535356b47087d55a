"""Files that a client wants to live with a provider: the header `x-isthmus-provider` says which."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from litestar import Request

from adapters.wire.errors import BadRequest
from config.file_storage import FileStorage
from gateway.api.files.form import FileForm, name_of
from gateway.api.multipart import Event, Field, FileBegins, read_form
from gateway.auth import Caller
from gateway.files.elsewhere import Elsewhere, Sent
from gateway.files.records import File
from gateway.onion import Live
from gateway.provider import Provider

_HEADER = "x-isthmus-provider"


def provider_of(live: Live, request: Request[Any, Any, Any], settings: FileStorage) -> Provider | None:
    """The provider that a request names; None for the gateway itself. Raises BadRequest."""
    name = request.headers.get(_HEADER)
    if name is None:
        return None
    if name not in settings.providers:
        known = ", ".join(settings.providers) or "none is configured"
        raise BadRequest(f"The header '{_HEADER}' names a provider of files.providers: {known}.", code="invalid_header")
    return live.onion.providers[name]


async def send_on(request: Request[Any, Any, Any], elsewhere: Elsewhere, settings: FileStorage, caller: Caller) -> File:
    """Send a file to a provider as it arrives."""
    headers = dict(request.scope["headers"])
    events = read_form(request.receive, headers, files=("file",), most=settings.max_bytes, setting="files.max_bytes")
    form = FileForm(sent_on=True)
    async with aclosing(events):
        begins = await _to_the_file(events, form)

        async def pieces() -> AsyncIterator[bytes]:
            async for event in events:
                if isinstance(event, Field):
                    form.take(event)
                elif isinstance(event, FileBegins):
                    raise BadRequest("Send one file at a time.", param="file", code="invalid_value")
                else:
                    yield event

        async def finish() -> Sent:
            purpose, _ = form.finish()
            fields = {"purpose": purpose}
            if (expiry := form.expiry()) is not None:
                fields |= {"expires_after[anchor]": expiry.anchor, "expires_after[seconds]": str(expiry.seconds)}
            return Sent(fields, purpose)

        return await elsewhere.send(caller.owner, name_of(begins.filename), begins.media_type, pieces(), finish)


async def _to_the_file(events: AsyncIterator[Event], form: FileForm) -> FileBegins:
    """Take the fields that stand before the file. Raises BadRequest where there is none."""
    async for event in events:
        if isinstance(event, FileBegins):
            return event
        if isinstance(event, Field):
            form.take(event)
    raise BadRequest("'file' is a required property", param="file", code="missing_parameter")
