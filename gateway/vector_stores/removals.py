"""What left the records leaves the backends and the blobs: noted in the database, and done until it is."""

# ruff: noqa: S608

import logging
import secrets
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from adapters.files.contract import BlobStore, StoreUnavailable
from adapters.vector_io.contract import BackendUnavailable
from gateway.auth.stored import as_int, as_text
from gateway.observe.counters import Counters
from gateway.state.records.contract import Records
from gateway.vector_stores.backends import Backends
from gateway.vector_stores.kept import MICROSECONDS, now

log = logging.getLogger("isthmus.vector_stores")

_AT_ONCE: Final = 32
_MOST_SECONDS: Final = 60
_FREE: Final = (
    "due <= $1 AND (file_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM vector_store_removals AS files "
    "WHERE files.store_id = vector_store_removals.store_id AND files.file_id IS NOT NULL))"
)
_CLAIM: Final = (
    "UPDATE vector_store_removals SET claim = $2, due = $3 WHERE due <= $1 AND id IN "
    f"(SELECT id FROM vector_store_removals WHERE {_FREE} ORDER BY due LIMIT {_AT_ONCE})"
)
_CLAIMED: Final = "SELECT id, store_id, file_id, backend, tries FROM vector_store_removals WHERE claim = $1"
_DONE: Final = "DELETE FROM vector_store_removals WHERE id = $1 AND claim = $2"
_PUT_BACK: Final = (
    "UPDATE vector_store_removals SET claim = NULL, tries = tries + 1, due = $3 WHERE id = $1 AND claim = $2"
)


class _Removal(Struct, frozen=True):
    id: str
    """Of the file's being in the store; for a whole store, the store's."""
    store: str
    file_id: str | None
    backend: str
    tries: int


class Removals:
    """The work of removing."""

    def __init__(
        self, records: Records, backends: Backends, blobs: BlobStore, counters: Counters, lease: Callable[[], float]
    ) -> None:
        self._records = records
        self._lease = lease
        """Seconds after which another worker does what one that was killed had in hand: twice does no harm."""
        self._backends = backends
        self._blobs = blobs
        self._counters = counters

    async def perform(self) -> bool:
        """Remove some of what is noted; tell whether there may be more. Raises RecordsUnavailable."""
        token, moment = secrets.token_hex(12), now()
        if not await self._records.execute(_CLAIM, moment, token, moment + int(self._lease() * MICROSECONDS)):
            return False
        for row in await self._records.fetch(_CLAIMED, token):
            file_id = None if row[2] is None else as_text(row[2])
            await self._one(_Removal(as_text(row[0]), as_text(row[1]), file_id, as_text(row[3]), as_int(row[4])), token)
        return True

    async def _one(self, removal: _Removal, token: str) -> None:
        try:
            await self._remove(removal)
        except (BackendUnavailable, StoreUnavailable) as error:
            log.info("%s is removed later: %s", removal.id, error)
            seconds = min(2**removal.tries, _MOST_SECONDS)
            await self._records.execute(_PUT_BACK, removal.id, token, now() + seconds * MICROSECONDS)
            return
        await self._records.execute(_DONE, removal.id, token)
        self._counters.add("vector_store_removals", "store" if removal.file_id is None else "file")

    async def _remove(self, removal: _Removal) -> None:
        backend = self._backends.find(removal.backend)
        if removal.file_id is not None:
            await backend.remove(removal.store, removal.file_id)
            await self._blobs.delete(text_key(removal.store, removal.id))
            return
        await backend.drop(removal.store)
        async for found in self._blobs.list(text_key(removal.store, "")):
            await self._blobs.delete(found.key)


def text_key(store: str, id: str) -> str:
    """Where the text of a file is kept, by the id of its being in the store."""
    return f"text/{store}/{id}"
