"""Files in vector stores, and batches of them, in the database."""

# ruff: noqa: S608

from collections.abc import Collection, Sequence
from typing import Final

from msgspec import structs

from gateway.auth.stored import as_int, as_text
from gateway.ingest.contract import Chunking
from gateway.state.records.contract import Records, Step, Value
from gateway.vector_stores.faults import expired, no_batch, no_file, no_store
from gateway.vector_stores.kept import (
    FILE_COLUMNS,
    Asker,
    Attributes,
    Batch,
    Counts,
    Status,
    Store,
    StoreFile,
    Wanted,
    as_json,
    file_of,
    new_id,
    now,
)
from gateway.vector_stores.leaving import cancelling, taking_out
from gateway.vector_stores.pages import Asked, Page, Place, clause, page
from gateway.vector_stores.stores import Stores

_ADD: Final = (
    "INSERT INTO vector_store_files (id, store_id, file_id, batch_id, owner, caller, attributes, revision, described, "
    "chunk_tokens, overlap_tokens, status, usage_bytes, chunks, tries, due, created) "
    "SELECT $1, id, $2, $3, owner, $4, $5, 0, 0, CAST($6 AS BIGINT), CAST($7 AS BIGINT), 'in_progress', 0, 0, 0, "
    "CAST($8 AS BIGINT), CAST($8 AS BIGINT) FROM vector_stores WHERE id = $9 AND owner = $10 AND active = $11 "
    "ON CONFLICT (store_id, file_id) DO UPDATE SET batch_id = COALESCE(excluded.batch_id, vector_store_files.batch_id)"
)
_DESCRIBED_ANEW: Final = (
    ", attributes = excluded.attributes, revision = vector_store_files.revision + 1, "
    "due = COALESCE(vector_store_files.due, excluded.due)"
)
_AGAIN: Final = (
    "store_id = $1 AND file_id IN (SELECT key FROM {json_each}($2)) "
    "AND (status IN ('failed', 'cancelled') OR chunk_tokens <> $3 OR overlap_tokens <> $4)"
)
_ADD_BATCH: Final = (
    "INSERT INTO vector_store_batches (id, store_id, created, cancelled) "
    "SELECT $1, id, CAST($2 AS BIGINT), 0 FROM vector_stores WHERE id = $3 AND owner = $4 AND active = $2"
)
_ONE: Final = f"SELECT {FILE_COLUMNS} FROM vector_store_files WHERE store_id = $1 AND file_id = $2"
_PAGE: Final = f"SELECT {FILE_COLUMNS} FROM vector_store_files WHERE store_id = $1"
_DESCRIBE: Final = (
    "UPDATE vector_store_files SET attributes = $1, revision = revision + 1, "
    "due = CASE WHEN status IN ('failed', 'cancelled') THEN NULL ELSE COALESCE(due, CAST($2 AS BIGINT)) END "
    "WHERE store_id = $3 AND file_id = $4"
)
_NAMES: Final = (
    "SELECT taken.file_id, files.filename FROM vector_store_files AS taken JOIN files ON files.id = taken.file_id "
    "WHERE taken.store_id = $1 AND taken.status = 'completed' AND files.state = 'kept' AND taken.file_id IN ({places})"
)
_BATCH: Final = "SELECT id, store_id, created, cancelled FROM vector_store_batches WHERE id = $1 AND store_id = $2"
_BATCH_COUNTS: Final = "SELECT status, COUNT(*) FROM vector_store_files WHERE batch_id = $1 GROUP BY status"
_CANCEL: Final = (
    "UPDATE vector_store_batches SET cancelled = 1 WHERE id = $1 "
    "AND EXISTS (SELECT 1 FROM vector_store_files WHERE batch_id = $1 AND status = 'in_progress')"
)


class StoreFiles:
    """Raises RecordsUnavailable from every verb. Stores are those of a caller who may use them."""

    def __init__(self, records: Records, stores: Stores) -> None:
        self._records = records
        self._stores = stores

    async def attach(self, store: Store, wanted: Sequence[Wanted], asker: Asker) -> None:
        """Have files taken in. One that is there already stays as it is; with other chunking, or where it failed or
        was cancelled, it is taken in anew. Raises NotFound, and BadRequest where the store has expired.
        """
        moment = now()
        await self._attach(store, [], self.attaching(store, wanted, asker, None, moment), moment)

    async def attach_batch(self, store: Store, wanted: Sequence[Wanted], asker: Asker) -> Batch:
        """The same of several, as one batch."""
        batch, moment = new_id("vsfb_"), now()
        adding = (_ADD_BATCH, (batch, moment, store.id, store.owner))
        await self._attach(store, [adding], self.attaching(store, wanted, asker, batch, moment), moment)
        return await self.batch(store, batch)

    async def _attach(self, store: Store, first: list[Step], steps: list[Step], moment: int) -> None:
        touching = self._stores.touching(store.owner, store.id, moment)
        touched, *_ = await self._records.transact(touching, *first, *steps)
        if not touched:
            raise expired(store.id) if (await self._stores.get(store.owner, store.id)).expired else no_store(store.id)

    def attaching(
        self, store: Store, wanted: Sequence[Wanted], asker: Asker, batch: str | None, moment: int
    ) -> list[Step]:
        """The steps that put files into a store which was active at this moment: in this transaction, that is."""
        cut: dict[Chunking, dict[str, int]] = {}
        for each in wanted:
            cut.setdefault(each.chunking, {})[each.file_id] = 0
        again = _AGAIN.format(json_each=self._records.json_each)
        steps: list[Step] = []
        for chunking, ids in cut.items():
            steps += taking_out(again, (store.id, as_json(ids), chunking.tokens, chunking.overlap), moment)
        said = as_json(asker)
        for number, each in enumerate(wanted):
            values: tuple[Value, ...] = (new_id(""), each.file_id, batch, said, as_json(each.attributes or {}))
            values += (each.chunking.tokens, each.chunking.overlap, moment + number, store.id, store.owner, moment)
            steps.append((_ADD if each.attributes is None else _ADD + _DESCRIBED_ANEW, values))
        return steps

    async def get(self, store: Store, file_id: str) -> StoreFile:
        """One. Raises NotFound."""
        rows = await self._records.fetch(_ONE, store.id, file_id)
        if not rows:
            raise no_file(file_id, store.id)
        return file_of(rows[0])

    async def page(
        self, store: Store, asked: Asked, status: Status | None = None, batch: str | None = None
    ) -> Page[StoreFile]:
        """Some of a store's, or of a batch's."""
        values: list[Value] = [store.id]
        statement = _PAGE
        for column, value in (("status", status), ("batch_id", batch)):
            if value is not None:
                values.append(value)
                statement += f" AND {column} = ${len(values)}"
        rows = await self._records.fetch(statement + clause(asked, "file_id", values), *values)
        return page(asked, [file_of(row) for row in rows])

    async def place(self, store: Store, file_id: str) -> Place | None:
        """Where one stands in the list."""
        rows = await self._records.fetch(_ONE, store.id, file_id)
        return Place(file_of(rows[0]).created, file_id) if rows else None

    async def names(self, store: Store, file_ids: Collection[str]) -> dict[str, str]:
        """What those of these files are called that are in a store, and all of each."""
        places = ", ".join(f"${number}" for number in range(2, len(file_ids) + 2))
        rows = await self._records.fetch(_NAMES.format(places=places), store.id, *file_ids)
        return {as_text(file_id): as_text(name) for file_id, name in rows}

    async def describe(self, store: Store, file_id: str, attributes: Attributes) -> StoreFile:
        """Give it these attributes; whoever works on it tells the backend. Raises NotFound."""
        if not await self._records.execute(_DESCRIBE, as_json(attributes), now(), store.id, file_id):
            raise no_file(file_id, store.id)
        return await self.get(store, file_id)

    async def take_out(self, store: Store, file_id: str) -> None:
        """Take it out. Raises NotFound."""
        steps = taking_out("store_id = $1 AND file_id = $2", (store.id, file_id), now())
        if not (await self._records.transact(*steps))[-1]:
            raise no_file(file_id, store.id)

    async def take_out_everywhere(self, owner: str, file_id: str) -> None:
        """Take a file that was deleted out of every store."""
        await self._records.transact(*taking_out("owner = $1 AND file_id = $2", (owner, file_id), now()))

    async def batch(self, store: Store, id: str) -> Batch:
        """A batch. Raises NotFound."""
        rows = await self._records.fetch(_BATCH, id, store.id)
        if not rows:
            raise no_batch(id)
        _, _, created, cancelled = rows[0]
        batch = Batch(id=id, store_id=store.id, created=as_int(created), cancelled=bool(cancelled))
        counts = {as_text(row[0]): as_int(row[1]) for row in await self._records.fetch(_BATCH_COUNTS, id)}
        return structs.replace(batch, counts=Counts(**counts))

    async def cancel(self, store: Store, id: str) -> Batch:
        """End the work on what of a batch is in progress; a batch that has ended stays as it is. Raises NotFound."""
        await self.batch(store, id)
        which = "batch_id = $1 AND status = 'in_progress'"
        await self._records.transact((_CANCEL, (id,)), *cancelling(which, (id,), now()))
        return await self.batch(store, id)
