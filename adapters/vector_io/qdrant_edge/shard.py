"""A shard of Qdrant Edge, and the file that says which one counts and up to where it goes."""

import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import qdrant_edge

from adapters.vector_io.sqlite.followed import NOTHING, Marks

FILE = "file"
"""The number of a chunk's file, in the payload."""
_MARKS = "marks"


def make(path: Path, dimensions: int) -> qdrant_edge.EdgeShard:
    """A new shard. It has no journal: what is not flushed is followed again."""
    path.mkdir(mode=0o700, parents=True)
    vectors = qdrant_edge.EdgeVectorParams(size=dimensions, distance=qdrant_edge.Distance.Cosine)
    shard = qdrant_edge.EdgeShard.create(str(path), qdrant_edge.EdgeConfig(vectors=vectors, wal_enabled=False))
    shard.update(qdrant_edge.UpdateOperation.create_field_index(FILE, qdrant_edge.PayloadSchemaType.Integer))
    return shard


def put(shard: qdrant_edge.EdgeShard, numbers: Sequence[int], files: Sequence[int], vectors: bytes) -> None:
    """Put vectors in, one after the other in `vectors`."""
    rows = floats(vectors)
    size = len(rows) // len(numbers)
    points = [
        qdrant_edge.Point(number, rows[at * size : (at + 1) * size], {FILE: file})
        for at, (number, file) in enumerate(zip(numbers, files, strict=True))
    ]
    shard.update(qdrant_edge.UpdateOperation.upsert_points(points))


def floats(vectors: bytes) -> list[float]:
    """The numbers of float32."""
    return array("f", vectors).tolist()


def write_marks(folder: Path, marks: Marks, name: str) -> None:
    """Say which shard of a folder counts, and up to where it goes."""
    new = folder / f"{_MARKS}.new"
    with new.open("w") as file:
        file.write(f"{marks[0]} {marks[1]} {name}")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / _MARKS)


def read_marks(folder: Path) -> tuple[Marks, str | None]:
    """What was written last; NOTHING where nothing was, or it can't be read."""
    try:
        number, sequence, name = (folder / _MARKS).read_text().split()
        return (int(number), int(sequence)), name
    except (OSError, ValueError):
        return NOTHING, None
