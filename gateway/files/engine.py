"""Files: made, listed, read and removed, so that a crash at any moment leaves neither half of one nor a remnant.

The order of steps is what makes it so. Making: a row of the blob, its bytes, and one transaction that makes the blob
the file's. Removing: the file is hidden, whoever uses it is told, the row goes, then the bytes. Whatever stops on the
way is ended by the sweep (`sweep.py`), which may be another worker's or another replica's.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from adapters.files.contract import BlobMissing, BlobStore, BlobWriter, StoreUnavailable
from adapters.wire.errors import Forbidden, GatewayError, NotFound, Unavailable
from gateway.files.ids import new_id
from gateway.files.records import MICROSECONDS, File, FileRecords, now
from gateway.state.records.contract import Records, RecordsUnavailable

log = logging.getLogger("isthmus.files")

_ID = re.compile(r"[A-Za-z0-9_.~-]{1,256}")
OnDelete = Callable[[str, str], Awaitable[None]]
"""Told the owner and the id of a file that is being removed; told again where it raised, so twice must do no harm."""


class Files:
    """The files of all owners."""

    def __init__(self, records: Records, blobs: BlobStore) -> None:
        self.records = FileRecords(records)
        self.blobs = blobs
        self.writer = secrets.token_hex(8)
        """Who writes: this worker, since it was started."""
        self.under_way = 0
        """Blobs that this worker writes at the moment."""
        self.on_delete: list[OnDelete] = []
        self.elsewhere: Callable[[File], AsyncIterator[bytes]] = _nowhere
        """Reads files that live with a provider."""
        self.due = asyncio.Event()
        """Set where the sweep has something to do at once."""

    async def begin(self, owner: str, prefix: str = "file-") -> "Arrival":
        """Make room for the bytes of a file. Raises RecordsUnavailable."""
        key = new_id(prefix)
        await self.records.begin(key, owner, self.writer)
        return Arrival(self, key, owner)

    async def get(self, owner: str, file_id: str) -> File:
        """A file by its id. Raises NotFound, for other owners' files too, and RecordsUnavailable."""
        found = await self.records.get(owner, file_id) if _ID.fullmatch(file_id) else None
        if found is None:
            raise unknown_file(file_id)
        return found

    async def page(
        self,
        owner: str,
        limit: int,
        after: str | None = None,
        *,
        ascending: bool = False,
        purpose: str | None = None,
        provider: str | None = None,
    ) -> tuple[list[File], bool]:
        """Some of an owner's files, and whether there are more. Raises NotFound where nobody knows `after`."""
        place = None
        if after is not None:
            place = await self.records.place(owner, after) if _ID.fullmatch(after) else None
            if place is None:
                raise unknown_file(after, param="after")
        found = await self.records.page(
            owner, limit + 1, place, ascending=ascending, purpose=purpose, provider=provider
        )
        return found[:limit], len(found) > limit

    def read(self, file: File) -> AsyncIterator[bytes]:
        """The bytes of a file. Raises BlobMissing where it has just been removed, and StoreUnavailable.

        Of one that lives with a provider: raises GatewayError.
        """
        return self.blobs.read(file.id) if file.provider is None else self.elsewhere(file)

    async def delete(self, owner: str, file_id: str) -> None:
        """Remove a file. Raises NotFound and RecordsUnavailable; what else goes wrong is tried again by the sweep."""
        if not (_ID.fullmatch(file_id) and await self.records.hide(owner, file_id)):
            raise unknown_file(file_id)
        try:
            await self.bury(owner, file_id)
        except Exception as error:  # noqa: BLE001 - those who are told of it raise what they like
            log.warning("the file %s is hidden, and its removal is tried again: %s", file_id, reason(error))

    async def forget(self, owner: str, file_id: str) -> None:
        """Remove what is left here of a file that is gone elsewhere. Raises RecordsUnavailable."""
        with suppress(NotFound):  # somebody else did
            await self.delete(owner, file_id)

    async def bury(self, owner: str, file_id: str) -> None:
        """End what hiding a file began. Raises whatever those raise who are told."""
        for tell in self.on_delete:
            await tell(owner, file_id)
        await self.records.bury(file_id)
        await self.remove_blob(file_id)

    async def remove_blob(self, key: str) -> None:
        """Remove bytes that nobody needs. Raises StoreUnavailable and RecordsUnavailable."""
        await self.blobs.delete(key)
        await self.records.forget_blob(key)


class Arrival:
    """The bytes of one file while they come in. `end` it in every case."""

    def __init__(self, files: Files, key: str, owner: str) -> None:
        self.key = key
        self.owner = owner
        self.size = 0
        self._files = files
        self._writer: BlobWriter | None = files.blobs.write(key)
        files.under_way += 1

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StoreUnavailable."""
        assert self._writer is not None  # noqa: S101 - nothing is written after the end
        self.size += len(data)
        await self._writer.write(data)

    async def join(self, parts: Sequence[str]) -> None:
        """Make it of blobs that are there, one after the other. Raises BlobMissing and StoreUnavailable."""
        await self._files.blobs.join(self.key, parts)

    async def store(self) -> None:
        """All bytes are there: make them last. Raises Unavailable, StoreUnavailable and RecordsUnavailable.

        Nothing would remove bytes whose row is gone, so the row is made to last until they have a file.
        """
        assert self._writer is not None  # noqa: S101 - nothing is stored after the end
        if not await self._files.records.renew(self.key):
            raise _lost()
        await self._writer.commit()

    async def publish(self, filename: str, purpose: str, lasts: int | None, most: int | None) -> File:
        """Make them a file that lasts so many seconds, of an owner who has no more than `most` bytes.

        Raises Forbidden where there is no room, Unavailable, StoreUnavailable and RecordsUnavailable.
        """
        await self.store()
        created = now()
        expires = None if lasts is None else created + lasts * MICROSECONDS
        file = File(self.key, self.owner, filename, purpose, self.size, created, expires)
        if not await self._files.records.publish(file, most):
            raise await self.refused(most)
        self.kept()
        return file

    async def refused(self, most: int | None) -> GatewayError:
        """Why the bytes could not be kept."""
        if most is not None and await self._files.records.arrives(self.key):
            return Forbidden(f"Your files would be over {most} bytes together: delete some.", code="storage_full")
        return _lost()

    def kept(self) -> None:
        """What came in belongs to something now."""
        self._writer = None

    async def end(self) -> None:
        """Leave nothing of what did not become a file. Never raises: what fails here is left to the sweep."""
        self._files.under_way -= 1
        if self._writer is None:
            return
        await self._writer.abort()
        try:
            if await self._files.records.drop_blob(self.key):
                await self._files.remove_blob(self.key)
        except (RecordsUnavailable, StoreUnavailable) as error:
            log.warning("what came of %s is left to the sweep: %s", self.key, reason(error))


def _lost() -> Unavailable:
    """The database was away for so long that this worker was taken for dead."""
    return Unavailable("The file could not be kept. Send it again.", code="files_unavailable", retry_after=1)


def _nowhere(file: File) -> AsyncIterator[bytes]:
    raise unknown_file(file.id)


def unknown_file(file_id: str, *, param: str = "id") -> NotFound:
    """There is no such file for whoever asks."""
    return NotFound(f"No such File object: {file_id[:128]}", param=param, code="file_not_found")


def reason(error: BaseException) -> str:
    """A fault in words for the log; those of other errors may quote what is secret."""
    known = isinstance(error, RecordsUnavailable | StoreUnavailable | BlobMissing | GatewayError)
    return str(error) if known else type(error).__name__
