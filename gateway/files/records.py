"""Files in the database of records, and which bytes of the store belong to them.

A blob has a row before its first byte is stored and until its last one is removed, so whatever dies at whatever
moment, a sweep finds what was left. A file is in an answer only from the transaction on that says its blob is whole.
Times are microseconds since 1970.
"""
# ruff: noqa: S608 - statements are put together of words that stand here

import time
from collections.abc import Sequence

from msgspec import Struct

from gateway.state.records.contract import Records, Row, Step, Value

MICROSECONDS = 1_000_000
LEASE = 60 * MICROSECONDS
"""A writer that has not said so for this long is dead."""
AGAIN = 60 * MICROSECONDS
"""A removal that did not end is tried again after this long."""
REMEMBERED = 86_400 * MICROSECONDS
"""Listings can go on for this long after a file that is gone."""
_AT_ONCE = 100

_SELECT = "SELECT id, owner, filename, purpose, bytes, created, due, provider, provider_id FROM files"
_VISIBLE = "state = 'kept' AND (due IS NULL OR due > {now})"


class File(Struct, frozen=True):
    """A file that is there."""

    id: str
    owner: str
    filename: str
    purpose: str
    bytes: int
    created: int
    expires: int | None = None
    provider: str | None = None
    """Where it lives, if not in the gateway's own store."""
    provider_id: str | None = None
    """What it is called there."""


class Due(Struct, frozen=True):
    """A row that the sweep has to look at."""

    id: str
    owner: str
    state: str
    due: int


class Condition(Struct, frozen=True):
    """A part of a statement, with `{}` where its values go."""

    text: str
    values: tuple[Value, ...]

    def numbered(self, before: int) -> str:
        """As it stands in a statement that has so many values before it."""
        return self.text.format(*(f"${before + number}" for number in range(1, len(self.values) + 1)))


def now() -> int:
    """The time."""
    return time.time_ns() // 1_000


class FileRecords:
    """What is written down of files. Every verb raises RecordsUnavailable."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def begin(self, key: str, owner: str, writer: str) -> None:
        """A blob is about to be written."""
        statement = "INSERT INTO blobs (key, owner, bytes, state, writer, due) VALUES ($1, $2, 0, 'arriving', $3, $4)"
        await self._records.execute(statement, key, owner, writer, now() + LEASE)

    async def beat(self, writer: str) -> None:
        """Say that a writer lives."""
        statement = "UPDATE blobs SET due = $1 WHERE writer = $2 AND state = 'arriving'"
        await self._records.execute(statement, now() + LEASE, writer)

    async def publish(self, file: File, most: int | None) -> bool:
        """From now on the file is there, and its blob its own.

        False, and nothing changes, where the owner would have more than `most` bytes, or the blob is no longer ours.
        """
        steps = [*keep_blob(file.id, file.owner, file.bytes, most), insert_file(file)]
        return (await self._records.transact(*steps))[-1] == 1

    async def arrives(self, key: str) -> bool:
        """Whether a blob is still its writer's."""
        return bool(await self._records.fetch("SELECT 1 FROM blobs WHERE key = $1 AND state = 'arriving'", key))

    async def renew(self, key: str) -> bool:
        """Give a writer another lease. False where it was taken for dead."""
        statement = "UPDATE blobs SET due = $1 WHERE key = $2 AND state = 'arriving'"
        return await self._records.execute(statement, now() + LEASE, key) == 1

    async def drop_blob(self, key: str) -> bool:
        """Nobody needs what a writer wrote. False where it turns out that something has it: an answer may get lost."""
        statement = "UPDATE blobs SET state = 'leaving', due = $1 WHERE key = $2 AND state = 'arriving'"
        if await self._records.execute(statement, now() + AGAIN, key):
            return True
        return not await self._records.fetch("SELECT 1 FROM blobs WHERE key = $1 AND state = 'kept'", key)

    async def forget_blob(self, key: str) -> None:
        """The store has it no longer."""
        await self._records.execute("DELETE FROM blobs WHERE key = $1 AND state = 'leaving'", key)

    async def record(self, file: File) -> None:
        """A file that lives elsewhere."""
        await self._records.execute(_INSERT + _VALUES, *_values(file))

    async def get(self, owner: str, file_id: str) -> File | None:
        """One that is there."""
        statement = f"{_SELECT} WHERE id = $1 AND owner = $2 AND {_VISIBLE.format(now='$3')}"
        found = await self._records.fetch(statement, file_id, owner, now())
        return File(*found[0]) if found else None  # type: ignore[arg-type]

    async def place(self, owner: str, file_id: str) -> tuple[int, str] | None:
        """Where a file stands in listings, even if it is gone since a short while."""
        found = await self._records.fetch("SELECT created, id FROM files WHERE id = $1 AND owner = $2", file_id, owner)
        return (found[0][0], found[0][1]) if found else None  # type: ignore[return-value]

    async def page(
        self,
        owner: str,
        limit: int,
        after: tuple[int, str] | None,
        *,
        ascending: bool,
        purpose: str | None,
        provider: str | None,
    ) -> list[File]:
        """Files of an owner, by the time they were made."""
        values: list[Value] = [owner, now(), limit]
        where = f"owner = $1 AND {_VISIBLE.format(now='$2')}"
        for column, wanted in (("purpose", purpose), ("provider", provider)):
            if wanted is not None:
                values.append(wanted)
                where += f" AND {column} = ${len(values)}"
        if after is not None:
            values += after
            where += f" AND (created, id) {'>' if ascending else '<'} (${len(values) - 1}, ${len(values)})"
        way = "ASC" if ascending else "DESC"
        statement = f"{_SELECT} WHERE {where} ORDER BY created {way}, id {way} LIMIT $3"
        return [File(*row) for row in await self._records.fetch(statement, *values)]  # type: ignore[arg-type]

    async def hide(self, owner: str, file_id: str) -> bool:
        """No answer has the file from now on. False where it was not there."""
        visible = _VISIBLE.format(now="$4")
        statement = "UPDATE files SET state = 'leaving', due = $1 WHERE id = $2 AND owner = $3 AND " + visible
        moment = now()
        return await self._records.execute(statement, moment + AGAIN, file_id, owner, moment) == 1

    async def bury(self, file_id: str) -> None:
        """A hidden file is gone, and its blob nobody's."""
        moment = now()
        await self._records.transact(
            ("UPDATE blobs SET state = 'leaving', due = $1 WHERE key = $2 AND state = 'kept'", (moment, file_id)),
            (
                "UPDATE files SET state = 'gone', filename = '', due = $1 WHERE id = $2 AND state = 'leaving'",
                (moment + REMEMBERED, file_id),
            ),
        )

    async def files_due(self) -> list[Due]:
        """Files that have expired, that could not be removed, or that were gone long ago; some of them."""
        return await self._due("SELECT id, owner, state, due FROM files WHERE due <= $1 ORDER BY due LIMIT $2")

    async def blobs_due(self) -> list[Due]:
        """Blobs whose writer died or that could not be removed; some of them."""
        return await self._due("SELECT key, owner, state, due FROM blobs WHERE due <= $1 ORDER BY due LIMIT $2")

    async def claim_file(self, file: Due) -> bool:
        """Only one sweep removes a file that has expired or that could not be removed."""
        statement = "UPDATE files SET state = 'leaving', due = $1 WHERE id = $2 AND due = $3 AND state <> 'gone'"
        return await self._records.execute(statement, now() + AGAIN, file.id, file.due) == 1

    async def claim_blob(self, blob: Due) -> bool:
        """Only one sweep removes a blob; a writer that turns out to live can't have it any more."""
        statement = "UPDATE blobs SET state = 'leaving', due = $1 WHERE key = $2 AND due = $3 AND state <> 'kept'"
        return await self._records.execute(statement, now() + AGAIN, blob.id, blob.due) == 1

    async def forget_files(self) -> None:
        """Rows of files that were gone long ago."""
        await self._records.execute("DELETE FROM files WHERE state = 'gone' AND due <= $1", now())

    async def _due(self, statement: str) -> list[Due]:
        rows: Sequence[Row] = await self._records.fetch(statement, now(), _AT_ONCE)
        return [Due(*row) for row in rows]  # type: ignore[arg-type]


_INSERT = "INSERT INTO files (id, owner, filename, purpose, bytes, created, state, due, provider, provider_id) "
_VALUES = "VALUES ($1, $2, $3, $4, $5, $6, 'kept', $7, $8, $9)"


def _values(file: File) -> tuple[Value, ...]:
    return (
        file.id,
        file.owner,
        file.filename,
        file.purpose,
        file.bytes,
        file.created,
        file.expires,
        file.provider,
        file.provider_id,
    )


def keep_blob(
    key: str, owner: str, size: int, most: int | None, *, only: Condition | None = None, instead_of: str = ""
) -> list[Step]:
    """Steps that make an arriving blob one that is kept, where its owner has no more than `most` bytes then.

    `only` has to hold besides. `instead_of` is an upload whose parts do not count, since the blob takes their place.
    """
    change = "UPDATE blobs SET state = 'kept', due = NULL, bytes = $1 WHERE key = $2 AND state = 'arriving'"
    values: list[Value] = [size, key]
    if only is not None:
        change += f" AND {only.numbered(len(values))}"
        values += only.values
    if most is None:
        return [(change, values)]
    hold = "INSERT INTO file_owners (owner) VALUES ($1) ON CONFLICT (owner) DO UPDATE SET owner = excluded.owner"
    room = Condition(
        "(SELECT COALESCE(SUM(bytes), 0) FROM blobs WHERE owner = {} AND state = 'kept' "
        "AND key NOT IN (SELECT id FROM upload_parts WHERE upload_id = {})) "
        "+ CAST({} AS BIGINT) <= CAST({} AS BIGINT)",
        (owner, instead_of, size, most),
    )
    return [(hold, (owner,)), (f"{change} AND {room.numbered(len(values))}", [*values, *room.values])]


def insert_file(file: File) -> Step:
    """The step that makes a file of a blob that is kept."""
    casts = ["TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "", "BIGINT", "TEXT", "TEXT"]
    values = iter(range(1, 10))
    chosen = ", ".join(f"CAST(${next(values)} AS {kind})" if kind else "'kept'" for kind in casts)
    return (_INSERT + f"SELECT {chosen} " + "FROM blobs WHERE key = $1 AND state = 'kept'", _values(file))
