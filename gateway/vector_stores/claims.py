"""Who has which file in hand, in the database: one worker of one replica at a time.

A claim lasts as long as its worker renews it; one whose worker was killed ends, and another takes over.
"""

# ruff: noqa: S608

import secrets
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from gateway.auth.stored import as_int, as_text
from gateway.state.records.contract import Records, Row
from gateway.vector_stores.kept import (
    FILE_COLUMNS,
    MICROSECONDS,
    STORE_COLUMNS,
    Asker,
    Store,
    StoreFile,
    file_of,
    now,
    store_of,
)
from gateway.vector_stores.leaving import noting

_FILES: Final = FILE_COLUMNS.split(", ")
_STORES: Final = STORE_COLUMNS.split(", ")
_WAITING: Final = (
    "SELECT owner, COUNT(*), COUNT(claim), MIN(due) FROM vector_store_files WHERE due IS NOT NULL GROUP BY owner"
)
_FREE: Final = (
    "due <= $3 AND NOT EXISTS (SELECT 1 FROM vector_store_removals AS leaving "
    "WHERE leaving.store_id = vector_store_files.store_id AND leaving.file_id = vector_store_files.file_id)"
)
_CLAIM: Final = (
    "UPDATE vector_store_files SET claim = $1, due = $2 WHERE due <= $3 AND id IN "
    f"(SELECT id FROM vector_store_files WHERE {_FREE} AND owner = $4 ORDER BY due, created LIMIT $5)"
)
_CLAIM_ONE: Final = f"UPDATE vector_store_files SET claim = $1, due = $2 WHERE {_FREE} AND id = $4"
_CLAIMED: Final = (
    f"SELECT {', '.join(f'f.{column}' for column in _FILES)}, {', '.join(f's.{column}' for column in _STORES)}, "
    "f.caller, f.revision, f.chunks, f.tries "
    "FROM vector_store_files AS f JOIN vector_stores AS s ON s.id = f.store_id WHERE f.claim = $1 ORDER BY f.created"
)
_MINE: Final = "id = $1 AND claim = $2"
_RENEW: Final = f"UPDATE vector_store_files SET due = $3, chunks = $4, usage_bytes = $5 WHERE {_MINE}"
_END: Final = "claim = NULL, due = CASE WHEN revision = $3 THEN NULL ELSE CAST($4 AS BIGINT) END"
_COMPLETE: Final = (
    f"UPDATE vector_store_files SET status = 'completed', described = $3, usage_bytes = $5, chunks = $6, {_END} "
    f"WHERE {_MINE}"
)
_DESCRIBED: Final = f"UPDATE vector_store_files SET described = $3, {_END} WHERE {_MINE}"
_FAIL: Final = (
    "UPDATE vector_store_files SET status = 'failed', error_code = $3, error_message = $4, claim = NULL, due = NULL "
    f"WHERE {_MINE}"
)
_PUT_BACK: Final = f"UPDATE vector_store_files SET claim = NULL, due = $3, tries = tries + $4 WHERE {_MINE}"
_HURRY: Final = "UPDATE vector_store_removals SET due = $1 WHERE id = $2 AND claim IS NULL"
_REMNANT: Final = (
    "INSERT INTO vector_store_removals (id, store_id, file_id, backend, tries, due, claim) "
    "SELECT $1, $2, $3, $4, 0, CAST($5 AS BIGINT), NULL WHERE NOT EXISTS "
    "(SELECT 1 FROM vector_store_files WHERE store_id = $2 AND file_id = $3 "
    "AND status IN ('in_progress', 'completed')) ON CONFLICT (id) DO NOTHING"
)


class Waiting(Struct, frozen=True):
    """What is to be done for one owner."""

    owner: str
    files: int
    in_hand: int
    """Of them, whether of this worker or of another."""
    due: int


class Claimed(Struct, frozen=True):
    """A file that this worker has in hand."""

    token: str
    file: StoreFile
    store: Store
    asker: Asker
    revision: int
    """Of the attributes that it has here."""
    chunks: int
    """How many of its chunks the backend has for certain, the first ones."""
    tries: int
    """How often it was put back."""


class Claims:
    """Raises RecordsUnavailable from every verb."""

    def __init__(self, records: Records, lease: Callable[[], float]) -> None:
        self._records = records
        self._lease = lease
        """Seconds that a claim lasts unless it is renewed."""

    async def waiting(self) -> list[Waiting]:
        """Owners for whom something is to be done, or is being done."""
        return [
            Waiting(as_text(owner), as_int(files), as_int(in_hand), as_int(due))
            for owner, files, in_hand, due in await self._records.fetch(_WAITING)
        ]

    async def take(self, owner: str, most: int) -> list[Claimed]:
        """Claim up to so many of an owner's files, those that have waited longest first."""
        token, moment = secrets.token_hex(12), now()
        if not await self._records.execute(_CLAIM, token, self._until(moment), moment, owner, most):
            return []
        return [_claimed(token, row) for row in await self._records.fetch(_CLAIMED, token)]

    async def take_one(self, file: StoreFile) -> Claimed | None:
        """Claim this file, if nobody has it in hand."""
        token, moment = secrets.token_hex(12), now()
        if not await self._records.execute(_CLAIM_ONE, token, self._until(moment), moment, file.id):
            return None
        return next((_claimed(token, row) for row in await self._records.fetch(_CLAIMED, token)), None)

    async def renew(self, claimed: Claimed, chunks: int, size: int) -> bool:
        """Keep a claim, and note how many chunks are written. False where it is lost: then nothing more may be."""
        values = (claimed.file.id, claimed.token, self._until(now()), chunks, size)
        return await self._records.execute(_RENEW, *values) == 1

    async def complete(self, claimed: Claimed, chunks: int, usage_bytes: int) -> bool:
        """The file is taken in. Whoever gave it other attributes meanwhile has made it due again. False where lost."""
        values = (claimed.file.id, claimed.token, claimed.revision, now(), usage_bytes, chunks)
        return await self._records.execute(_COMPLETE, *values) == 1

    async def described(self, claimed: Claimed) -> bool:
        """The backend has its attributes. False where lost."""
        return await self._records.execute(_DESCRIBED, claimed.file.id, claimed.token, claimed.revision, now()) == 1

    async def fail(self, claimed: Claimed, code: str, message: str) -> bool:
        """The file can't be taken in; what was written of it is to be removed. False where lost."""
        failing = (_FAIL, (claimed.file.id, claimed.token, code, message))
        note = noting("id = $1 AND status = 'failed'", (claimed.file.id,), now())
        return (await self._records.transact(failing, note))[0] == 1

    async def put_back(self, claimed: Claimed, seconds: float, *, is_try: bool = True) -> None:
        """Let it be taken up again after so many seconds."""
        due = now() + int(seconds * MICROSECONDS)
        await self._records.execute(_PUT_BACK, claimed.file.id, claimed.token, due, int(is_try))

    async def stopped(self, claimed: Claimed) -> None:
        """Nothing is written any more of a file that was taken away from this worker: what it wrote can be removed."""
        remnant = (claimed.file.id, claimed.store.id, claimed.file.file_id, claimed.store.backend, now())
        await self._records.transact((_HURRY, (now(), claimed.file.id)), (_REMNANT, remnant))

    def _until(self, moment: int) -> int:
        return moment + int(self._lease() * MICROSECONDS)


def _claimed(token: str, row: Row) -> Claimed:
    files, stores = len(_FILES), len(_FILES) + len(_STORES)
    caller, revision, chunks, tries = row[stores:]
    return Claimed(
        token,
        file_of(row[:files]),
        store_of(row[files:stores]),
        msgspec.json.decode(as_text(caller), type=Asker),
        as_int(revision),
        as_int(chunks),
        as_int(tries),
    )
