"""A process that makes a shard with a graph, of what is in the file of a store: `build FILE FOLDER DIMENSIONS`.

In the gateway's own process nothing else would run meanwhile: Qdrant Edge holds Python's lock while it optimizes.
"""

import os
import sys
from itertools import islice
from pathlib import Path

import apsw
import qdrant_edge

from adapters.vector_io.qdrant_edge import shard
from adapters.vector_io.sqlite.followed import Marks

_BATCH = 1_000


def build(file: Path, folder: Path, dimensions: int) -> None:
    """Make the shard, and at last the marks that say it is whole."""
    made = shard.make(folder / "shard", dimensions)
    marks = _copy(file, made)
    made.optimize()
    made.flush()
    made.close()
    shard.write_marks(folder, marks, "shard")


def _copy(file: Path, made: qdrant_edge.EdgeShard) -> Marks:
    """Put in what is there at one moment."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)
    with connection:
        gone: int = connection.execute("SELECT ifnull(max(sequence), 0) FROM gone").get
        rows = connection.execute("SELECT number, file, value FROM vectors ORDER BY number")
        last = 0
        while batch := list(islice(rows, _BATCH)):
            shard.put(made, [row[0] for row in batch], [row[1] for row in batch], b"".join(row[2] for row in batch))
            last = batch[-1][0]
    connection.close()
    return last, gone


if __name__ == "__main__":
    os.nice(10)
    build(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
