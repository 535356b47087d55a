"""Every chunk of a store is compared: by the signs of its numbers first, where there are many, then exactly.

A store of up to `_LOOKED_AT` chunks is searched exactly. Of a larger one, so many with the most equal signs are: the
vectors of 100,000 chunks are 150 MB to read, their signs 5 MB.
https://alexgarcia.xyz/sqlite-vec/guides/binary-quant.html
"""

# ruff: noqa: S608

from collections.abc import Sequence
from pathlib import Path

import apsw
import sqlite_vec

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.sqlite import tables
from adapters.vector_io.sqlite.stores import NoStore, Stores

_SIGNED_FROM = 256
"""Dimensions: the signs of fewer say too little."""
_LOOKED_AT = 2_000
_LOOKED_AT_FOR_EACH = 20
"""Chunks that are compared exactly for each that is wanted, where these are more."""
_TABLE = """
CREATE TABLE {table} (number INTEGER PRIMARY KEY, file INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TRIGGER {table}_follow AFTER DELETE ON chunks BEGIN DELETE FROM {table} WHERE number = old.number; END;
"""
_PUT = "INSERT INTO {table} SELECT number, file, {value} FROM chunks WHERE number = ?1"


class SqliteVec:
    """A backend. See contract.py."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._stores = Stores(name, folder, _load)

    async def start(self) -> None:
        """Make the folder."""
        await self._stores.start()

    async def close(self) -> None:
        """Finish what was begun and close every file."""
        await self._stores.close()

    async def create(self, store: str, dimensions: int) -> None:
        """Make the file of a store."""
        await self._stores.create(store, lambda connection: _make(connection, dimensions))

    async def drop(self, store: str) -> None:
        """Delete the file of a store."""
        await self._stores.drop(store)

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in, all in one transaction."""
        try:
            await self._stores.write(store, lambda connection: _write(connection, chunks))
        except NoStore:
            raise BackendUnavailable(f"The vector backend {self._name} has lost the store {store}.") from None

    async def remove(self, store: str, file_id: str) -> None:
        """Take every chunk of a file out."""
        try:
            await self._stores.write(store, lambda connection: tables.remove(connection, file_id))
        except NoStore:
            return

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file these attributes."""
        try:
            await self._stores.write(store, lambda connection: tables.describe(connection, file_id, attributes))
        except NoStore:
            return

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        try:
            return await self._stores.read(store, lambda connection: tables.count(connection, file_id))
        except NoStore:
            return 0

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest in meaning."""
        try:
            return await self._stores.read(store, lambda connection: _nearest(connection, vector, limit, filter))
        except NoStore:
            return []

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with the text."""
        try:
            return await self._stores.read(store, lambda connection: tables.matching(connection, text, limit, filter))
        except NoStore:
            return []


def _load(connection: apsw.Connection) -> None:
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())


def _make(connection: apsw.Connection, dimensions: int) -> None:
    tables.make(connection, dimensions)
    for table in ("vectors", "signs") if dimensions >= _SIGNED_FROM and dimensions % 8 == 0 else ("vectors",):
        connection.execute(_TABLE.format(table=table))


def _write(connection: apsw.Connection, chunks: Sequence[Chunk]) -> None:
    last = {chunk.id: chunk for chunk in chunks}.values()
    numbers = tables.put(connection, last)
    rows = [(number, chunk.vector) for number, chunk in zip(numbers, last, strict=True)]
    connection.executemany(_PUT.format(table="vectors", value="?2"), rows)
    if _has_signs(connection):
        connection.executemany(_PUT.format(table="signs", value="vec_quantize_binary(?2)"), rows)


def _nearest(connection: apsw.Connection, vector: bytes, limit: int, filter: Filter | None) -> list[Hit]:
    """The cosine with a vector of zeros is no number; it counts as 0."""
    held, values = tables.where(filter)
    if _has_signs(connection):
        order = "vec_distance_hamming(vec_bit(value), vec_bit(?))"
        held = f"number IN (SELECT number FROM signs WHERE {held} ORDER BY {order} LIMIT ?)"
        signs = connection.execute("SELECT vec_quantize_binary(?)", (vector,)).get
        values = [*values, signs, max(_LOOKED_AT, _LOOKED_AT_FOR_EACH * limit)]
    best = (
        "SELECT number, ifnull(1 - vec_distance_cosine(value, ?), 0) AS score"
        f" FROM vectors WHERE {held} ORDER BY 2 DESC, 1 LIMIT ?"
    )
    return tables.hits(connection, best, [vector, *values, limit])


def _has_signs(connection: apsw.Connection) -> bool:
    return connection.table_exists("main", "signs")
