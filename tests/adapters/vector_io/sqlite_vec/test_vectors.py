"""Stores that are too large to compare every vector."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.vector_io.contract import Chunk
from adapters.vector_io.filters import Comparison
from tests.adapters.vector_io.openers import Folder
from tests.adapters.vector_io.samples import ids

STORE = "vs_large"
COUNT = 4_000


def vectors(count: int) -> NDArray[np.float32]:
    """A few directions say much, as in embeddings of texts."""
    source = np.random.default_rng(1)
    rows = source.normal(size=(count, 256)) / np.sqrt(1 + np.arange(256) / 8)
    whole: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
    return whole


@pytest.mark.parametrize("filter", [None, Comparison("eq", "part", 1.0), Comparison("gte", "part", 1.0)])
async def test_nearly_all_of_the_nearest_are_found_by_signs(tmp_path: Path, filter: Comparison | None) -> None:
    rows = vectors(COUNT + 20)
    backend = Folder("sqlite_vec", tmp_path).open()
    await backend.start()
    await backend.create(STORE, 256)
    chunks = [
        Chunk(f"c{at}", f"file-{at % 4}", at, "text", rows[at].tobytes(), {"part": float(at % 4)})
        for at in range(COUNT)
    ]
    await backend.write(STORE, chunks)
    lets = {"None": {0, 1, 2, 3}, "eq": {1}, "gte": {1, 2, 3}}[filter.type if filter else "None"]
    among = np.array([at for at in range(COUNT) if at % 4 in lets])
    found = 0
    for question in rows[COUNT:]:
        best = {f"c{among[at]}" for at in np.argsort(-(rows[among] @ question))[:10]}
        hits = await backend.nearest(STORE, question.tobytes(), 10, filter)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        found += len(best & {*ids(hits)})
    assert found >= 0.98 * 200
    await backend.close()
