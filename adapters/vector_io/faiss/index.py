"""The vectors of one store in memory. Rows are only added; those that are gone are passed over until they are many.

https://faiss.ai/cpp_api/struct/structfaiss_1_1IDSelector.html
"""

import importlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from adapters.vector_io.sqlite.followed import NOTHING, Marks

faiss: Any = importlib.import_module("faiss")
"""Without its types, which are those of C++."""
faiss.omp_set_num_threads(1)  # it would have one for each core, which the gateway's workers share

_Numbers: TypeAlias = NDArray[np.int64]

_NEIGHBOURS = 32
"""Of each vector in the graph."""
_BREADTH = 128
"""Vectors of the graph that a search weighs at least."""
_FEW = 0.1
"""Where a filter lets a smaller part pass, all of these are compared: the graph would lead past them."""
_GONE = 0.25
"""The index is made anew when a larger part of it is gone."""


class FaissIndex:
    """An index. See sqlite/followed.py."""

    def __init__(self, folder: Path, dimensions: int, graph: bool) -> None:
        self._folder = folder
        self._dimensions = dimensions
        self._graph = graph
        self.clear()
        self.marks = self._load()

    def __len__(self) -> int:
        return len(self._numbers)

    def clear(self) -> None:
        """Begin with nothing."""
        inner = faiss.METRIC_INNER_PRODUCT
        make = faiss.IndexHNSWFlat(self._dimensions, _NEIGHBOURS, inner) if self._graph else None
        self._index: Any = make or faiss.IndexFlatIP(self._dimensions)
        self._numbers: _Numbers = np.empty(0, np.int64)
        """The number of each row; they ascend."""
        self._files: _Numbers = np.empty(0, np.int64)
        self._there: NDArray[np.bool_] = np.empty(0, np.bool_)

    def add(self, numbers: Sequence[int], files: Sequence[int], vectors: bytes) -> None:
        """Put vectors in, whose numbers are larger than all before."""
        self._index.add(np.frombuffer(vectors, "<f4").reshape(-1, self._dimensions))
        self._numbers = np.concatenate((self._numbers, np.array(numbers, np.int64)))
        self._files = np.concatenate((self._files, np.array(files, np.int64)))
        self._there = np.concatenate((self._there, np.ones(len(numbers), np.bool_)))

    def remove(self, numbers: Sequence[int]) -> None:
        """Pass over vectors from now on."""
        self._there[np.isin(self._numbers, numbers)] = False
        if np.count_nonzero(~self._there) > _GONE * len(self):
            self._rebuild()

    def search(self, vector: bytes, limit: int, files: Sequence[int] | None) -> list[tuple[int, float]]:
        """The numbers of those nearest; the inner product of vectors of length 1 is the cosine."""
        allowed = self._there if files is None else self._there & np.isin(self._files, files)
        count = int(np.count_nonzero(allowed))
        if not count:
            return []
        chosen = None if count == len(self) else faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        index, parameters = self._index, faiss.SearchParameters(sel=chosen)
        if self._graph and count < _FEW * len(self):
            index = faiss.downcast_index(self._index.storage)
        elif self._graph:
            parameters = faiss.SearchParametersHNSW(sel=chosen, efSearch=max(_BREADTH, 2 * limit))
        question = np.frombuffer(vector, "<f4").reshape(1, -1)
        scores, rows = index.search(question, min(limit, count), params=parameters)
        found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [(int(self._numbers[row]), score) for row, score in found if row >= 0]

    def tend(self, file: Path) -> Marks | None:
        """Nothing is done in the background."""

    def save(self, marks: Marks) -> None:
        """Write a folder under another name, and give it the name that says how far it goes."""
        new = self._folder / f"new.{uuid4().hex}"
        new.mkdir(mode=0o700, parents=True)
        faiss.write_index(self._index, str(new / "vectors"))
        np.save(new / "rows.npy", np.stack((self._numbers, self._files, self._there)))
        for path in (new / "vectors", new / "rows.npy", new):
            _sync(path)
        for path in self._folder.iterdir():
            if path != new:
                shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # another process saved the same just now
            new.rename(self._folder / "-".join(map(str, marks)))
        _sync(self._folder)

    def close(self) -> None:
        """Let go of the memory."""
        self.clear()

    def _load(self) -> Marks:
        """What was saved last. A folder that can't be read is as none: all of it is in the store's file."""
        saved = self._saved()
        if not saved:
            return NOTHING
        marks, folder = max(saved.items())
        try:
            index = faiss.read_index(str(folder / "vectors"))
            numbers, files, there = np.load(folder / "rows.npy")
        except (OSError, RuntimeError, ValueError):
            return NOTHING
        if index.ntotal != len(numbers) or index.d != self._dimensions or hasattr(index, "hnsw") != self._graph:
            return NOTHING
        self._index, self._numbers, self._files, self._there = index, numbers, files, there.astype(np.bool_)
        return marks

    def _saved(self) -> dict[Marks, Path]:
        found = {}
        for path in self._folder.glob("*-*"):
            number, _, sequence = path.name.partition("-")
            found[int(number), int(sequence)] = path
        return found

    def _rebuild(self) -> None:
        vectors = self._index.reconstruct_n(0, len(self))[self._there]
        numbers, files = self._numbers[self._there], self._files[self._there]
        self.clear()
        self.add(numbers.tolist(), files.tolist(), vectors.tobytes())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
