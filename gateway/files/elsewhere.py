"""Files that live with a provider: sent on, asked for and deleted there; who owns them is written down here.

One is `file-<provider>~<what it is called there>`, and there for whoever sent it alone: the records say whose it is,
not the name.
"""

import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.files.elsewhere import APIS
from adapters.files.elsewhere.contract import Fields, FilesApi, Told, Unreadable
from adapters.inference.contract import Headers
from adapters.wire.errors import BadRequest, GatewayError, UpstreamError
from gateway.files.engine import Files, unknown_file
from gateway.files.records import MICROSECONDS, File, now
from gateway.provider import Provider
from gateway.state.records.contract import Conflict, RecordsUnavailable
from gateway.upstream.transfer import Transferred, transfer

log = logging.getLogger("isthmus.files")

_PLAIN = re.compile(r"[A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client says of a file once all of it has arrived."""

    fields: Fields
    purpose: str


class Elsewhere:
    """The files of one provider."""

    def __init__(self, provider: Provider, files: Files) -> None:
        api = APIS.get(provider.settings.dialect)
        if api is None:
            raise BadRequest(
                f"The provider '{provider.name}' has no files API that is known here.", code="invalid_header"
            )
        self._api: FilesApi = api
        self._provider = provider
        self._files = files
        self._base_url = provider.settings.base_url or ""

    async def send(
        self,
        owner: str,
        filename: str,
        media_type: str,
        pieces: AsyncIterator[bytes],
        finish: Callable[[], Awaitable[Sent]],
    ) -> File:
        """Send a file on as it arrives. `finish` gives what is only known after its last byte.

        Raises what the provider answers, what `pieces` and `finish` raise, and RecordsUnavailable.
        """
        boundary = secrets.token_hex(24)
        sending = self._api.send(self._base_url, filename, media_type, boundary)
        size, sent = 0, Sent({}, "")

        async def body() -> AsyncIterator[bytes]:
            nonlocal size, sent
            yield sending.head
            async for piece in pieces:
                size += len(piece)
                yield piece
            sent = await finish()
            yield self._api.tail(boundary, sent.fields, self._base_url, filename)

        async with self._asked("POST", sending.url, sending.headers, body()) as answer:
            told = self._read(await answer.read())
        file = self._file(owner, told, filename, sent.purpose, size)
        try:
            await self._files.records.record(file)
        except (RecordsUnavailable, Conflict):
            await self._forget(told.id)
            raise
        return file

    async def retrieve(self, file: File) -> File:
        """The file as its provider tells of it now. Raises NotFound where it is gone there."""
        async with self._asked("GET", self._api.one(self._base_url, file.provider_id or ""), gone=file) as answer:
            told = self._read(await answer.read())
        return self._file(file.owner, told, file.filename, file.purpose, file.bytes, made=file.created)

    async def delete(self, file: File) -> None:
        """Delete it there, then here."""
        try:
            async with self._asked("DELETE", self._api.one(self._base_url, file.provider_id or "")):
                pass
        except GatewayError as error:
            if error.status != 404:
                raise
        await self._files.forget(file.owner, file.id)

    async def read(self, file: File) -> AsyncIterator[bytes]:
        """Its bytes, as they come from there. Raises NotFound where it is gone there, BadRequest where they stay."""
        if self._api.content is None:
            message = f"The provider '{self._provider.name}' does not give files back."
            raise BadRequest(message, param="id", code="content_unavailable")
        url = self._api.content(self._base_url, file.provider_id or "")
        async with self._asked("GET", url, gone=file) as answer:
            async for piece in answer.pieces():
                yield piece

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        url: str,
        headers: Headers = (),
        body: AsyncIterator[bytes] | None = None,
        *,
        gone: File | None = None,
    ) -> AsyncIterator[Transferred]:
        """An answer that is no error. `gone` is the file that a 404 means."""
        provider = self._provider
        own = [*await provider.headers_of(url), *self._api.headers, *headers]
        timeouts = provider.settings.timeouts or provider.server.timeouts
        name = f"The provider '{provider.name}'"
        async with transfer(provider.settings, timeouts, name, method, url, own, body) as answer:
            if answer.status > 299:
                said = await answer.read()
                if answer.status == 404 and gone is not None:
                    await self._files.forget(gone.owner, gone.id)
                    raise unknown_file(gone.id)
                raise provider.explain(answer.status, answer.headers, said)
            yield answer

    def _read(self, body: bytes) -> Told:
        try:
            return self._api.read(body)
        except Unreadable:
            raise UpstreamError(f"What the provider '{self._provider.name}' says of the file can't be read.") from None

    def _file(self, owner: str, told: Told, filename: str, purpose: str, size: int, made: int | None = None) -> File:
        return File(
            id_of(self._provider.name, told.id),
            owner,
            told.filename or filename,
            purpose,
            size if told.size is None else told.size,
            made or now(),
            None if told.expires is None else told.expires * MICROSECONDS,
            self._provider.name,
            told.id,
        )

    async def _forget(self, provider_id: str) -> None:
        """Nobody could find it: it is not to stay there for good."""
        try:
            async with self._asked("DELETE", self._api.one(self._base_url, provider_id)):
                pass
        except GatewayError as error:
            log.error("the file %s of %s has no record here: %s", provider_id, self._provider.name, error.message)


def elsewhere_of(providers: Mapping[str, Provider], file: File, files: Files) -> Elsewhere:
    """Where a file lives. Raises NotFound where that provider is no longer configured."""
    provider = providers.get(file.provider or "")
    if provider is None:
        raise unknown_file(file.id)
    return Elsewhere(provider, files)


def id_of(provider: str, provider_id: str) -> str:
    """What a file is called here: what could not stand in a path or in SQL's text is written as `~` and its number."""
    safe = "".join(each if _PLAIN.fullmatch(each) else f"~{ord(each):x}~" for each in provider_id)
    return f"file-{provider}~{safe}"
