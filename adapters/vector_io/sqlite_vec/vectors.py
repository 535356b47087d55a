"""Every chunk of a store is compared: by the signs of its numbers first, where there are many, then exactly.

A store of up to `_LOOKED_AT` chunks is searched exactly. Of a larger one, so many with the most equal signs are: the
vectors of 100,000 chunks are 150 MB to read, their signs 5 MB. The question is more than its signs: what these leave of
it has signs too, which count less.
https://alexgarcia.xyz/sqlite-vec/guides/binary-quant.html
"""

# ruff: noqa: S608

from array import array
from collections.abc import Sequence
from pathlib import Path

import apsw
import sqlite_vec

from adapters.vector_io.contract import Hit
from adapters.vector_io.filters import Filter
from adapters.vector_io.sqlite import tables

_SIGNED_FROM = 256
"""Dimensions: the signs of fewer say too little."""
_LOOKED_AT = 2_000
_LOOKED_AT_FOR_EACH = 20
"""Chunks that are compared exactly for each that is wanted, where these are more."""
_LAYERS = 2
"""Of the signs of a question: with one, 4 of 100 of the nearest are missed among 100,000, with two, 4 of 1,000."""
_TABLE = """
CREATE TABLE {table} (number INTEGER PRIMARY KEY, file INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TRIGGER {table}_follow AFTER DELETE ON chunks BEGIN DELETE FROM {table} WHERE number = old.number; END;
"""
_PUT = "INSERT INTO {table} SELECT number, file, {value} FROM chunks WHERE number = ?1"


class BySigns:
    """Vectors in a table of the store. See sqlite/backend.py."""

    def prepare(self, connection: apsw.Connection) -> None:
        """Load sqlite-vec."""
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())

    def make(self, connection: apsw.Connection, dimensions: int) -> None:
        """Add the tables of vectors, and of their signs."""
        for table in ("vectors", "signs") if dimensions >= _SIGNED_FROM and dimensions % 8 == 0 else ("vectors",):
            connection.execute(_TABLE.format(table=table))

    def put(self, connection: apsw.Connection, rows: Sequence[tuple[int, bytes]]) -> None:
        """Keep the vectors of new chunks."""
        connection.executemany(_PUT.format(table="vectors", value="?2"), rows)
        if _has_signs(connection):
            connection.executemany(_PUT.format(table="signs", value="vec_quantize_binary(?2)"), rows)

    def settle(self, connection: apsw.Connection, path: Path) -> None:
        """All was done in the transaction."""

    def nearest(
        self, connection: apsw.Connection, path: Path, vector: bytes, limit: int, filter: Filter | None
    ) -> list[Hit]:
        """The chunks nearest in meaning. The cosine with a vector of zeros is no number; it counts as 0."""
        held, its = tables.where(filter)
        values: list[float | str | bytes] = [*its]
        if _has_signs(connection):
            order = " + ".join(["? * vec_distance_hamming(vec_bit(value), vec_bit(?))"] * _LAYERS)
            held = f"number IN (SELECT number FROM signs WHERE {held} ORDER BY {order} LIMIT ?)"
            values = [*values, *_layers(connection, vector), max(_LOOKED_AT, _LOOKED_AT_FOR_EACH * limit)]
        best = (
            "SELECT number, ifnull(1 - vec_distance_cosine(value, ?), 0) AS score"
            f" FROM vectors WHERE {held} ORDER BY 2 DESC, 1 LIMIT ?"
        )
        return tables.hits(connection, connection.execute(best, (vector, *values, limit)))

    def drop(self, path: Path) -> None:
        """All was in the file."""

    def close(self) -> None:
        """Nothing is held."""


def _layers(connection: apsw.Connection, vector: bytes) -> list[float | bytes]:
    """How much each layer of signs weighs, and its signs; all together, weighed, they are nearly the vector."""
    left, layers = array("f", vector), list[float | bytes]()
    for _ in range(_LAYERS):
        weight = sum(map(abs, left)) / len(left)
        layers += [weight, connection.execute("SELECT vec_quantize_binary(?)", (left.tobytes(),)).get]
        left = array("f", [each - weight if each > 0 else each + weight for each in left])
    return layers


def _has_signs(connection: apsw.Connection) -> bool:
    return connection.table_exists("main", "signs")
