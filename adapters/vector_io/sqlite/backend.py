"""What all backends that keep their chunks in SQLite do alike; how vectors are searched is each one's own."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import apsw

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.sqlite import tables
from adapters.vector_io.sqlite.stores import NoStore, Stores


class Vectors(Protocol):
    """How the vectors of stores are kept and searched. All of it happens in threads."""

    def prepare(self, connection: apsw.Connection) -> None:
        """Make a connection ready."""
        ...

    def make(self, connection: apsw.Connection, dimensions: int) -> None:
        """Add to the tables of a new store."""
        ...

    def put(self, connection: apsw.Connection, rows: Sequence[tuple[int, bytes]]) -> None:
        """Keep the vectors of new chunks, by their numbers. Those of chunks that go must go by themselves."""
        ...

    def settle(self, connection: apsw.Connection, path: Path) -> None:
        """Do what is not part of a write, after it."""
        ...

    def nearest(
        self, connection: apsw.Connection, path: Path, vector: bytes, limit: int, filter: Filter | None
    ) -> list[Hit]:
        """The chunks nearest in meaning, best first."""
        ...

    def drop(self, path: Path) -> None:
        """Forget what is kept of a store besides its file."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class SqliteBackend:
    """A backend. See contract.py."""

    def __init__(self, name: str, folder: Path, vectors: Vectors) -> None:
        self._name = name
        self._vectors = vectors
        self._stores = Stores(name, folder, vectors.prepare)

    async def start(self) -> None:
        """Make the folder."""
        await self._stores.start()

    async def close(self) -> None:
        """Finish what was begun and close every file."""
        await self._stores.close(self._vectors.close)

    async def create(self, store: str, dimensions: int) -> None:
        """Make the file of a store."""

        def make(connection: apsw.Connection) -> None:
            tables.make(connection, dimensions)
            self._vectors.make(connection, dimensions)

        await self._stores.create(store, make)

    async def drop(self, store: str) -> None:
        """Delete the file of a store."""
        await self._stores.drop(store, self._vectors.drop)

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in, all in one transaction."""
        last = {chunk.id: chunk for chunk in chunks}.values()

        def put(connection: apsw.Connection) -> None:
            numbers = tables.put(connection, last)
            self._vectors.put(connection, [(number, each.vector) for number, each in zip(numbers, last, strict=True)])

        try:
            await self._stores.write(store, put, self._vectors.settle)
        except NoStore:
            raise BackendUnavailable(f"The vector backend {self._name} has lost the store {store}.") from None

    async def remove(self, store: str, file_id: str) -> None:
        """Take every chunk of a file out."""
        with suppress(NoStore):
            await self._stores.write(store, partial(tables.remove, file_id=file_id), self._vectors.settle)

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file these attributes."""
        with suppress(NoStore):
            await self._stores.write(store, partial(tables.describe, file_id=file_id, attributes=attributes))

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        try:
            return await self._stores.read(store, lambda connection, _: tables.count(connection, file_id))
        except NoStore:
            return 0

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest in meaning."""
        search = partial(self._vectors.nearest, vector=vector, limit=limit, filter=filter)
        try:
            return await self._stores.read(store, search)
        except NoStore:
            return []

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with the text."""
        try:
            return await self._stores.read(
                store, lambda connection, _: tables.matching(connection, text, limit, filter)
            )
        except NoStore:
            return []
