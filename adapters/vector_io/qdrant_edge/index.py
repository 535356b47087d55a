"""The vectors of one store in a shard of Qdrant Edge. It has no journal of its own: the store's file is one.

https://qdrant.tech/documentation/edge/
"""

import os
import shutil
from array import array
from collections.abc import Sequence
from pathlib import Path

import qdrant_edge

from adapters.vector_io.sqlite.followed import NOTHING, Marks

_BREADTH = 128
"""Vectors of the graph that a search weighs at least."""
_FILE = "file"


class EdgeIndex:
    """An index. See sqlite/followed.py."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self.marks = self._read_marks()
        self._shard = self._load()

    def __len__(self) -> int:
        return self._shard.info().points_count

    def clear(self) -> None:
        """Begin with nothing."""
        self._shard.close()
        self.marks = NOTHING
        self._shard = self._load()

    def add(self, numbers: Sequence[int], files: Sequence[int], vectors: bytes) -> None:
        """Put vectors in."""
        rows = _floats(vectors)
        each = range(0, len(rows), self._dimensions)
        points = [
            qdrant_edge.Point(number, rows[at : at + self._dimensions], {_FILE: file})
            for number, file, at in zip(numbers, files, each, strict=True)
        ]
        self._shard.update(qdrant_edge.UpdateOperation.upsert_points(points))

    def remove(self, numbers: Sequence[int]) -> None:
        """Take vectors out."""
        self._shard.update(qdrant_edge.UpdateOperation.delete_points(list(numbers)))

    def search(self, vector: bytes, limit: int, files: Sequence[int] | None) -> list[tuple[int, float]]:
        """The numbers of those nearest."""
        if files is None:
            wanted = None
        else:
            match = qdrant_edge.MatchAny(list(files))
            wanted = qdrant_edge.Filter(must=[qdrant_edge.FieldCondition(_FILE, match=match)])
        question = qdrant_edge.Query.Nearest(_floats(vector))
        breadth = qdrant_edge.SearchParams(hnsw_ef=max(_BREADTH, 2 * limit))
        request = qdrant_edge.QueryRequest(limit=limit, query=question, filter=wanted, params=breadth)
        return [(int(point.id), point.score) for point in self._shard.query(request)]

    def save(self, marks: Marks) -> None:
        """Write what is in memory, and then up to where it goes: what comes after is followed again."""
        self._shard.flush()
        new = self._folder / "marks.new"
        with new.open("w") as file:
            file.write(f"{marks[0]} {marks[1]}")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / "marks")

    def close(self) -> None:
        """Close the shard."""
        self._shard.close()

    def _read_marks(self) -> Marks:
        try:
            number, sequence = map(int, (self._folder / "marks").read_text().split())
        except (OSError, ValueError):
            return NOTHING
        return number, sequence

    def _load(self) -> qdrant_edge.EdgeShard:
        """The shard as it was saved, or a new one where none was: nothing is in it that can't be followed again."""
        path = self._folder / "shard"
        if self.marks != NOTHING:
            return qdrant_edge.EdgeShard.load(str(path))
        shutil.rmtree(self._folder, ignore_errors=True)
        path.mkdir(mode=0o700, parents=True)
        vectors = qdrant_edge.EdgeVectorParams(size=self._dimensions, distance=qdrant_edge.Distance.Cosine)
        shard = qdrant_edge.EdgeShard.create(str(path), qdrant_edge.EdgeConfig(vectors=vectors, wal_enabled=False))
        shard.update(qdrant_edge.UpdateOperation.create_field_index(_FILE, qdrant_edge.PayloadSchemaType.Integer))
        return shard


def _floats(vectors: bytes) -> list[float]:
    return array("f", vectors).tolist()
