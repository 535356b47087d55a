"""The vectors of one store in a shard of Qdrant Edge. It has no journal of its own: the store's file is one.

New vectors are compared one by one. When they are many, a process makes another shard of all that is in the store's
file, with a graph that finds the nearest quickly, and it takes the place of this one.
https://qdrant.tech/documentation/edge/
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import qdrant_edge

from adapters.vector_io.qdrant_edge import shard as shards
from adapters.vector_io.sqlite.followed import Marks

_BREADTH = 400
"""Vectors of the graph that a search weighs at least."""
_LOOSE = 10_000
"""Vectors outside a graph after which one is made, or half of all where that is more."""


class EdgeIndex:
    """An index. See sqlite/followed.py."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self._building: tuple[subprocess.Popen[bytes], Path] | None = None
        self._tried = 0
        """How many vectors there were when a graph was made last."""
        self.marks, name = shards.read_marks(folder)
        self._sweep(name)
        self._name = name or self._new_name()
        self._shard = self._load() if name else shards.make(folder / self._name, dimensions)

    def __len__(self) -> int:
        return self._shard.info().points_count

    def clear(self) -> None:
        """Begin with nothing."""
        self._shard.close()
        self._name = self._new_name()
        self._shard = shards.make(self._folder / self._name, self._dimensions)

    def add(self, numbers: Sequence[int], files: Sequence[int], vectors: bytes) -> None:
        """Put vectors in."""
        shards.put(self._shard, numbers, files, vectors)

    def remove(self, numbers: Sequence[int]) -> None:
        """Take vectors out."""
        self._shard.update(qdrant_edge.UpdateOperation.delete_points(list(numbers)))

    def search(self, vector: bytes, limit: int, files: Sequence[int] | None) -> list[tuple[int, float]]:
        """The numbers of those nearest."""
        wanted = None
        if files is not None:
            match = qdrant_edge.MatchAny(list(files))
            wanted = qdrant_edge.Filter(must=[qdrant_edge.FieldCondition(shards.FILE, match=match)])
        breadth = qdrant_edge.SearchParams(hnsw_ef=max(_BREADTH, 2 * limit))
        question = qdrant_edge.Query.Nearest(shards.floats(vector))
        request = qdrant_edge.QueryRequest(limit=limit, query=question, filter=wanted, params=breadth)
        return [(int(point.id), point.score) for point in self._shard.query(request)]

    def tend(self, file: Path) -> Marks | None:
        """Begin to make a graph, or take one that is ready: then it goes up to these marks."""
        if self._building is None:
            loose = len(self) - max(self._tried, self._shard.info().indexed_vectors_count)
            if loose > max(_LOOSE, len(self) // 2):
                self._begin(file)
            return None
        child, folder = self._building
        if child.poll() is None:
            return None
        self._building = None
        marks, made = shards.read_marks(folder)
        if made is None:  # it failed, and what is here goes on
            shutil.rmtree(folder, ignore_errors=True)
            return None
        self._take(marks, f"{folder.name}/{made}")
        return marks

    def save(self, marks: Marks) -> None:
        """Write what is in memory, and then up to where it goes: what comes after is followed again."""
        self._shard.flush()
        shards.write_marks(self._folder, marks, self._name)

    def close(self) -> None:
        """Close the shard; a graph that is being made is given up."""
        if self._building is not None:
            child, folder = self._building
            child.kill()
            child.wait()
            shutil.rmtree(folder, ignore_errors=True)
        self._shard.close()

    def _begin(self, file: Path) -> None:
        self._tried = len(self)
        folder = self._folder / self._new_name()
        command = [sys.executable, "-m", f"{__package__}.build", str(file), str(folder), str(self._dimensions)]
        self._building = subprocess.Popen(command, stdin=subprocess.DEVNULL), folder  # noqa: S603

    def _take(self, marks: Marks, name: str) -> None:
        old = self._folder / self._name.partition("/")[0]
        self._shard.close()
        self._name = name
        self._shard = self._load()
        shards.write_marks(self._folder, marks, name)
        shutil.rmtree(old, ignore_errors=True)

    def _load(self) -> qdrant_edge.EdgeShard:
        return qdrant_edge.EdgeShard.load(str(self._folder / self._name))

    def _new_name(self) -> str:
        return f"shard-{uuid4().hex}"

    def _sweep(self, name: str | None) -> None:
        """Delete what an earlier process left."""
        counts = name and name.partition("/")[0]
        for path in self._folder.glob("shard-*"):
            if path.name != counts:
                with suppress(OSError):
                    shutil.rmtree(path)
