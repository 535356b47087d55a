"""Uploads: a file that arrives in parts, of which each is a blob until they are joined.

Whatever changes an upload holds its row first: two statements that hold the same row come one after the other, and the
second one sees what the first did.
"""
# ruff: noqa: S608 - statements are put together of words that stand here

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import cast

from msgspec import Struct

from adapters.wire.errors import BadRequest, GatewayError, NotFound
from gateway.files.engine import Arrival, Files
from gateway.files.ids import new_id
from gateway.files.records import MICROSECONDS, REMEMBERED, Condition, File, insert_file, keep_blob, now
from gateway.state.records.contract import Records, Step

log = logging.getLogger("isthmus.files")

_PARTS_MOST = 10_000
_SELECT = "SELECT id, owner, filename, purpose, bytes, created, expires, lasts, state, file_id, due FROM uploads"
_HOLD = "UPDATE uploads SET state = state WHERE id = $1"
_IDLE = "NOT EXISTS (SELECT 1 FROM blobs WHERE key = uploads.file_id AND state = 'arriving' AND due > {})"
"""Nobody joins its parts at the moment."""
_DROP_PARTS = (
    "UPDATE blobs SET state = 'leaving', due = $1 WHERE state = 'kept' "
    "AND key IN (SELECT id FROM upload_parts WHERE upload_id = $2) "
    "AND EXISTS (SELECT 1 FROM uploads WHERE id = $2 AND state <> 'pending')"
)
_FORGET_PARTS = (
    "DELETE FROM upload_parts WHERE upload_id = $1 "
    "AND EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND state <> 'pending')"
)


class Upload(Struct, frozen=True):
    """An upload. Times are microseconds since 1970."""

    id: str
    owner: str
    filename: str
    purpose: str
    bytes: int
    created: int
    expires: int
    lasts: int | None
    """How long its file is to last, in seconds."""
    state: str
    """pending, completed, cancelled or expired."""
    file_id: str | None
    """What it became, or what its parts are being joined to."""
    due: int
    """When a pending one expires, or when the row of another goes."""

    @property
    def status(self) -> str:
        """Its state at this moment: one that nobody has swept yet has expired all the same."""
        return "expired" if self.state == "pending" and self.due <= now() else self.state


class Part(Struct, frozen=True):
    """A part that has arrived."""

    id: str
    bytes: int
    created: int


class Uploads:
    """The uploads of all owners. Every method raises RecordsUnavailable, and NotFound for other owners' uploads."""

    def __init__(self, files: Files, records: Records) -> None:
        self._files = files
        self._records = records

    async def create(
        self, owner: str, filename: str, purpose: str, size: int, file_lasts: int | None, seconds: float
    ) -> Upload:
        """Begin an upload of so many bytes that has so many seconds to be completed."""
        created = now()
        due = created + int(seconds * MICROSECONDS)
        said = (new_id("upload_"), owner, filename, purpose, size, created, due, file_lasts)
        statement = (
            "INSERT INTO uploads (id, owner, filename, purpose, bytes, created, expires, lasts, state, due) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $7)"
        )
        await self._records.execute(statement, *said)
        return Upload(*said, "pending", None, due)

    async def get(self, owner: str, upload_id: str) -> Upload:
        """An upload by its id."""
        found = None
        if upload_id.isascii() and upload_id.isprintable():
            found = await self._records.fetch(f"{_SELECT} WHERE id = $1 AND owner = $2", upload_id, owner)
        if not found:
            message = f"No such Upload object: {upload_id[:128]}"
            raise NotFound(message, param="upload_id", code="upload_not_found")
        return Upload(*found[0])  # type: ignore[arg-type]

    async def pending(self, owner: str, upload_id: str) -> Upload:
        """One that takes parts. Raises BadRequest for one that does not."""
        upload = await self.get(owner, upload_id)
        if upload.status != "pending":
            raise _over(upload)
        return upload

    async def keep_part(self, upload: Upload, arrival: Arrival, most: int, owner_most: int | None) -> Part:
        """What arrived is a part of an upload from now on; its parts are `most` bytes together at most.

        Raises BadRequest, Forbidden where the owner's files are too many bytes, Unavailable and StoreUnavailable.
        """
        await arrival.store()
        part = Part(arrival.key, arrival.size, now())
        takes = Condition(
            "EXISTS (SELECT 1 FROM uploads WHERE id = {} AND state = 'pending' AND due > {} AND "
            + _IDLE
            + ") AND (SELECT COALESCE(SUM(bytes), 0) FROM upload_parts WHERE upload_id = {}) "
            "+ CAST({} AS BIGINT) <= CAST({} AS BIGINT) "
            "AND (SELECT COUNT(*) FROM upload_parts WHERE upload_id = {}) < CAST({} AS BIGINT)",
            (upload.id, part.created, part.created, upload.id, part.bytes, most, upload.id, _PARTS_MOST),
        )
        insert = (
            "INSERT INTO upload_parts (id, upload_id, bytes, created) "
            "SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) "
            "FROM blobs WHERE key = $1 AND state = 'kept'"
        )
        steps: list[Step] = [
            (_HOLD, (upload.id,)),
            *keep_blob(part.id, upload.owner, part.bytes, owner_most, only=takes),
            (insert, (part.id, upload.id, part.bytes, part.created)),
        ]
        if not (await self._records.transact(*steps))[-1]:
            raise await self._part_refused(upload, arrival, most, owner_most)
        arrival.kept()
        return part

    async def complete(
        self, owner: str, upload_id: str, part_ids: Sequence[str], md5: str | None, most: int | None
    ) -> tuple[Upload, File | None]:
        """Join parts to a file. One that is completed already is given again, so that a client may ask twice.

        Raises BadRequest, Forbidden, Unavailable and StoreUnavailable.
        """
        upload = await self.get(owner, upload_id)
        if upload.state == "completed":
            return upload, await self._files.records.get(owner, upload.file_id or "")
        if upload.status != "pending":
            raise _over(upload)
        await self._check_parts(upload, part_ids)
        arrival = await self._claim(upload)
        try:
            await arrival.join(part_ids)
            if md5 is not None and await self._digest(arrival.key) != md5.lower():
                raise BadRequest("The bytes that arrived have another md5.", param="md5", code="checksum_mismatch")
            file = await self._publish(upload, arrival, most)
        finally:
            await arrival.end()
        self._files.due.set()
        return await self.get(owner, upload_id), file

    async def cancel(self, owner: str, upload_id: str) -> Upload:
        """Take no more parts and forget those that came. Raises BadRequest for one that is completed or expired."""
        upload = await self.get(owner, upload_id)
        if upload.state == "cancelled":
            return upload
        if upload.status != "pending":
            raise _over(upload)
        if not await self._end(upload, "cancelled"):
            raise await self._why_not(upload)
        self._files.due.set()
        return await self.get(owner, upload_id)

    async def sweep(self) -> None:
        """Forget the parts of uploads that have expired, and uploads that ended long ago."""
        for row in await self._records.fetch(f"{_SELECT} WHERE due <= $1 AND state = 'pending' LIMIT 100", now()):
            await self._end(Upload(*row), "expired")  # type: ignore[arg-type]
        await self._records.execute("DELETE FROM uploads WHERE due <= $1 AND state <> 'pending'", now())

    async def _check_parts(self, upload: Upload, part_ids: Sequence[str]) -> None:
        rows = await self._records.fetch("SELECT id, bytes FROM upload_parts WHERE upload_id = $1", upload.id)
        sizes = dict(cast("list[tuple[str, int]]", rows))
        total = 0
        for index, part_id in enumerate(part_ids):
            if part_id not in sizes:
                message = f"This upload has no part '{part_id[:64]}', or it is named twice."
                raise BadRequest(message, param=f"part_ids[{index}]", code="invalid_value")
            total += sizes.pop(part_id)
        if total != upload.bytes:
            message = f"The parts are {total} bytes together, and the upload was to be {upload.bytes}."
            raise BadRequest(message, param="part_ids", code="invalid_value")

    async def _claim(self, upload: Upload) -> Arrival:
        """Begin the blob that the parts are joined to; only one request at a time does."""
        arrival = await self._files.begin(upload.owner)
        moment = now()
        idle = _IDLE.format("$3")
        claim = f"UPDATE uploads SET file_id = $1 WHERE id = $2 AND state = 'pending' AND due > $3 AND {idle}"
        steps: list[Step] = [(_HOLD, (upload.id,)), (claim, (arrival.key, upload.id, moment))]
        try:
            if (await self._records.transact(*steps))[-1]:
                return arrival
            raise await self._why_not(upload)
        except BaseException:
            await arrival.end()
            raise

    async def _publish(self, upload: Upload, arrival: Arrival, most: int | None) -> File:
        created = now()
        expires = None if upload.lasts is None else created + upload.lasts * MICROSECONDS
        file = File(arrival.key, upload.owner, upload.filename, upload.purpose, upload.bytes, created, expires)
        ours = Condition(
            "EXISTS (SELECT 1 FROM uploads WHERE id = {} AND state = 'pending' AND file_id = {})", (upload.id, file.id)
        )
        done = (
            "UPDATE uploads SET state = 'completed', due = $1 "
            "WHERE id = $2 AND file_id = $3 AND EXISTS (SELECT 1 FROM files WHERE id = $3)"
        )
        steps: list[Step] = [
            (_HOLD, (upload.id,)),
            *keep_blob(file.id, upload.owner, file.bytes, most, only=ours, instead_of=upload.id),
            insert_file(file),
            (done, (created + REMEMBERED, upload.id, file.id)),
            (_DROP_PARTS, (created, upload.id)),
            (_FORGET_PARTS, (upload.id,)),
        ]
        if not (await self._records.transact(*steps))[-4]:
            raise await arrival.refused(most)
        arrival.kept()
        return file

    async def _end(self, upload: Upload, state: str) -> bool:
        """End an upload that is not completed, unless somebody is about to."""
        moment = now()
        ended = f"UPDATE uploads SET state = $1, due = $2 WHERE id = $3 AND state = 'pending' AND {_IDLE.format('$4')}"
        steps: list[Step] = [
            (_HOLD, (upload.id,)),
            (ended, (state, moment + REMEMBERED, upload.id, moment)),
            (_DROP_PARTS, (moment, upload.id)),
            (_FORGET_PARTS, (upload.id,)),
        ]
        return (await self._records.transact(*steps))[1] == 1

    async def _digest(self, key: str) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        async for piece in self._files.blobs.read(key):
            await asyncio.to_thread(digest.update, piece)
        return digest.hexdigest()

    async def _part_refused(self, upload: Upload, arrival: Arrival, most: int, owner_most: int | None) -> GatewayError:
        now_is = await self.get(upload.owner, upload.id)
        if now_is.status != "pending":
            return _over(now_is)
        (row,) = await self._records.fetch(
            "SELECT COALESCE(SUM(bytes), 0), COUNT(*) FROM upload_parts WHERE upload_id = $1", upload.id
        )
        size, count = cast("tuple[int, int]", tuple(row))
        if size + arrival.size > most or count >= _PARTS_MOST:
            message = f"An upload has up to {most} bytes (files.upload_bytes) in {_PARTS_MOST} parts."
            return BadRequest(message, param="data", code="invalid_value")
        return await arrival.refused(owner_most)

    async def _why_not(self, upload: Upload) -> BadRequest:
        now_is = await self.get(upload.owner, upload.id)
        if now_is.status != "pending":
            return _over(now_is)
        return BadRequest("The upload is being completed.", param="upload_id", code="upload_busy")


def _over(upload: Upload) -> BadRequest:
    return BadRequest(f"The upload is {upload.status}.", param="upload_id", code="upload_not_pending")
