"""Vector stores of all owners: what doors ask for, and the work that follows from it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

from adapters.files.contract import BlobMissing
from config.vector_stores import VectorStores, backend_of, backends_of
from gateway.auth import Caller
from gateway.files.engine import Files
from gateway.ingest.embedder import Embedder
from gateway.ingest.readers import Readers
from gateway.inside import Inside
from gateway.observe.counters import Counters
from gateway.state.records.contract import Records, RecordsUnavailable
from gateway.vector_stores.backends import Backends
from gateway.vector_stores.claims import Claims
from gateway.vector_stores.faults import too_many, unknown_backend
from gateway.vector_stores.files import StoreFiles
from gateway.vector_stores.intake import Intake
from gateway.vector_stores.jobs import Jobs
from gateway.vector_stores.kept import (
    MICROSECONDS,
    Asker,
    Attributes,
    Batch,
    Settings,
    Store,
    StoreFile,
    Wanted,
    new_id,
    now,
)
from gateway.vector_stores.removals import Removals, text_key
from gateway.vector_stores.stores import Stores

_LOOKS: Final = 64
"""Files that are looked up at once."""
_TOUCH_EVERY: Final = MICROSECONDS
"""How often it is noted, at most, that a store was searched."""


class VectorStoreEngine:
    """Raises RecordsUnavailable from every verb, and as GatewayError what a client is told."""

    def __init__(
        self,
        records: Records,
        source: Files,
        backends: Backends,
        settings: VectorStores,
        counters: Counters,
        folder: Path,
    ) -> None:
        self.stores = Stores(records)
        self.files = StoreFiles(records, self.stores)
        self.backends = backends
        self.settings: Callable[[], VectorStores] = lambda: settings
        """Those of the moment."""
        self._records = records
        self.source = source
        """The files of all owners."""
        self._readers = Readers(settings.ingestion)
        self._inside: Callable[[], Inside] | None = None
        self._embedding: tuple[Inside, Embedder] | None = None
        self._touching: dict[str, asyncio.Task[None]] = {}
        lease = self._lease
        self.jobs = Jobs(
            Claims(records, lease),
            Removals(records, backends, source.blobs, counters, lease),
            self.stores,
            Intake(source, self.stores, backends, self._readers, folder),
            backends,
            counters,
            lambda: self.settings().ingestion,
            self.embedder,
        )
        source.on_delete.append(self._deleted)

    async def start(self, inside: Callable[[], Inside], settings: Callable[[], VectorStores]) -> None:
        """Begin to work, with what gives the models and the settings of the moment."""
        self._inside, self.settings = inside, settings
        await self.backends.start()
        self.jobs.start()

    async def close(self) -> None:
        """Leave what is under way to others, or to the next start."""
        await self.jobs.close()
        await self._readers.close()
        await self.backends.close()

    def inside(self) -> Inside:
        """Through whom models are asked."""
        assert self._inside is not None  # noqa: S101 - nothing is asked before the start
        return self._inside()

    def embedder(self) -> Embedder:
        """Whoever makes vectors: one for all that this worker does by one configuration."""
        inside = self.inside()
        if self._embedding is None or self._embedding[0] is not inside:
            self._embedding = inside, Embedder(inside, self.settings().embedding)
        return self._embedding[1]

    async def create(self, caller: Caller, said: Settings, wanted: Sequence[Wanted]) -> Store:
        """Make a store, with files that are to be in it."""
        await self._check_known(caller, wanted)
        settings = self.settings()
        backend = said.metadata.get("backend", backend_of(settings))
        if backend not in backends_of(settings):
            raise unknown_backend(backend, backends_of(settings))
        moment = now()
        store = Store(
            id=new_id("vs_"),
            owner=caller.owner,
            settings=said,
            backend=backend,
            model=settings.embedding.model,
            dimensions=None,
            created=moment,
            active=moment,
            expired=False,
        )
        adding = self.stores.adding(store, settings.stores_of_owner)
        files = self.files.attaching(store, wanted, Asker.of(caller), None, moment)
        if not (await self._records.transact(adding, *files))[0]:
            raise too_many(settings.stores_of_owner)
        self.jobs.came()
        return await self.stores.get(caller.owner, store.id)

    async def delete(self, owner: str, id: str) -> None:
        """Remove a store. It is gone at once; what was in it follows."""
        await self.stores.delete(owner, id)
        self.jobs.left()

    async def attach(self, caller: Caller, store: Store, wanted: Wanted) -> StoreFile:
        """Have a file taken in."""
        await self._check_known(caller, [wanted])
        await self.files.attach(store, [wanted], Asker.of(caller))
        self.jobs.came()
        self.jobs.left()
        return await self.files.get(store, wanted.file_id)

    async def attach_batch(self, caller: Caller, store: Store, wanted: Sequence[Wanted]) -> Batch:
        """Have several files taken in together."""
        await self._check_known(caller, wanted)
        batch = await self.files.attach_batch(store, wanted, Asker.of(caller))
        self.jobs.came()
        self.jobs.left()
        return batch

    async def cancel(self, store: Store, batch_id: str) -> Batch:
        """End the work on a batch."""
        batch = await self.files.cancel(store, batch_id)
        self.jobs.left()
        return batch

    async def describe(self, store: Store, file_id: str, attributes: Attributes) -> StoreFile:
        """Give a file in a store other attributes. Searches know them by then, unless the backend is away."""
        file = await self.files.describe(store, file_id, attributes)
        await self.jobs.describe(file)
        return file

    async def take_out(self, store: Store, file_id: str) -> None:
        """Take a file out of a store."""
        await self.files.take_out(store, file_id)
        self.jobs.left()

    def content(self, file: StoreFile) -> AsyncIterator[bytes]:
        """The text of a file, in UTF-8; nothing before it was read. Raises StoreUnavailable."""
        return self._content(text_key(file.store_id, file.id))

    def searched(self, store: Store) -> None:
        """Note that a store was used, without making anybody wait."""
        if store.id not in self._touching and now() - store.active >= _TOUCH_EVERY:
            task = self._touching[store.id] = asyncio.create_task(self._touch(store))
            task.add_done_callback(lambda _: self._touching.pop(store.id, None))

    def _lease(self) -> float:
        return self.settings().ingestion.lease_seconds

    async def _touch(self, store: Store) -> None:
        try:
            await self.stores.touch(store)
        except RecordsUnavailable:
            return  # the next search says it again

    async def _content(self, key: str) -> AsyncIterator[bytes]:
        try:
            async for data in self.source.blobs.read(key):
                yield data
        except BlobMissing:
            return

    async def _check_known(self, caller: Caller, wanted: Sequence[Wanted]) -> None:
        """Raise NotFound for a file that the caller does not have."""
        for start in range(0, len(wanted), _LOOKS):
            some = wanted[start : start + _LOOKS]
            await asyncio.gather(*(self.source.get(caller.owner, each.file_id) for each in some))

    async def _deleted(self, owner: str, file_id: str) -> None:
        """A file was deleted: no store has it any more."""
        await self.files.take_out_everywhere(owner, file_id)
        self.jobs.left()
