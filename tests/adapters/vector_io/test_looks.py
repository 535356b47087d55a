"""Backends that are looked at, as `isthmus check --reach` does: they change nothing by it."""

import os
from pathlib import Path

import pytest

from adapters.vector_io.contract import BackendUnavailable, VectorBackend
from tests.adapters.vector_io.openers import Opener, Place, embedded
from tests.adapters.vector_io.samples import chunks_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMBEDDED = ("chroma", "faiss", "milvus", "qdrant_edge", "sqlite_vec")


async def test_one_that_is_at_work_is_well(backend: VectorBackend, store: str, place: Place) -> None:
    await backend.write(store, chunks_of("file-a", 3))
    await place.look()
    assert await backend.count(store) == 3


async def test_one_that_is_away_is_not(opener: Opener, own_place: Place) -> None:
    if (away := own_place.away()) is None:
        pytest.skip("it is a part of this process")
    with away, pytest.raises(BackendUnavailable, match="test"):
        await own_place.look()
    await own_place.look()


@pytest.mark.parametrize("type", EMBEDDED)
async def test_one_that_was_never_started_has_no_folder_afterwards(type: str, tmp_path: Path) -> None:
    with embedded(type).place(tmp_path / "state" / "vectors") as place:
        await place.look()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("type", EMBEDDED)
async def test_one_whose_folder_can_not_be_made_is_not_well(type: str, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with (
        embedded(type).place(tmp_path / "state" / "vectors") as place,
        pytest.raises(BackendUnavailable, match="Not a directory"),
    ):
        await place.look()
