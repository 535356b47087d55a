"""A graph that another process makes takes the place of the shard, and nothing is lost on the way."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.vector_io.contract import Chunk, VectorBackend
from adapters.vector_io.qdrant_edge import build, index
from adapters.vector_io.qdrant_edge.index import EdgeIndex
from tests.adapters.vector_io.openers import Folder
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, cosine, ids, random_vector

STORE = "vs_edge"
MADE_SECONDS = 30


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph is made of few vectors."""
    monkeypatch.setattr(index, "_LOOSE", 500)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[VectorBackend]:
    backend = Folder("qdrant_edge", tmp_path).open()
    await backend.start()
    await backend.create(STORE, DIMENSIONS)
    yield backend
    await backend.close()


def some(file_id: str, count: int) -> list[Chunk]:
    source = random.Random(file_id)
    return [chunk(f"{file_id}-{at}", file_id=file_id, vector=random_vector(source)) for at in range(count)]


def shards(folder: Path) -> set[Path]:
    return set(folder.glob("*.index/shard-*"))


async def test_a_graph_takes_the_place_of_the_first_shard(backend: VectorBackend, tmp_path: Path) -> None:
    await backend.write(STORE, [*some("file-a", 400), *some("file-b", 400)])
    before = shards(tmp_path)
    await backend.remove(STORE, "file-b")
    await backend.write(STORE, some("file-c", 100))
    known = [*some("file-a", 400), *some("file-c", 100)]
    question = random_vector(random.Random(9))
    expected = sorted(known, key=lambda each: -cosine(each.vector, question))[:10]
    deadline = asyncio.get_running_loop().time() + MADE_SECONDS
    while len(shards(tmp_path)) != 1 or not before - shards(tmp_path):
        assert ids(await backend.nearest(STORE, question, 10)) == [each.id for each in expected]
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert ids(await backend.nearest(STORE, question, 10)) == [each.id for each in expected]
    assert len(await backend.nearest(STORE, question, 1_000)) == 500


async def test_what_a_graph_was_made_of_is_there_after_it_is_opened_again(tmp_path: Path) -> None:
    for expected in (600, 1_200):
        backend = Folder("qdrant_edge", tmp_path).open()
        await backend.start()
        await backend.create(STORE, DIMENSIONS)
        await backend.write(STORE, some(f"file-{expected}", 600))
        assert len(await backend.nearest(STORE, random_vector(random.Random(1)), 5_000)) == expected
        await backend.close()
        assert len(shards(tmp_path)) == 1


def test_a_graph_that_can_not_be_made_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_LOOSE", 5)
    edge, vectors = EdgeIndex(tmp_path, DIMENSIONS), [each.vector for each in some("file-a", 10)]
    edge.add(range(1, 11), [1] * 10, b"".join(vectors))
    file = tmp_path / "vs.db"
    file.write_bytes(b"no database " * 1_000)
    assert edge.tend(file) is None
    deadline = time.monotonic() + MADE_SECONDS
    while edge._building is not None:
        assert edge.tend(file) is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert edge.tend(file) is None
    assert edge._building is None, "it is tried again only when there is more"
    assert len(list(tmp_path.glob("shard-*"))) == 1
    assert edge.search(vectors[3], 1, None)[0][0] == 4
    edge.close()


def test_an_index_that_begins_anew_has_nothing_of_before(tmp_path: Path) -> None:
    edge, vectors = EdgeIndex(tmp_path, DIMENSIONS), [each.vector for each in some("file-a", 5)]
    edge.add(range(1, 6), [1] * 5, b"".join(vectors))
    edge.save((5, 0))
    edge.clear()
    assert len(edge) == 0
    edge.add([6], [1], vectors[0])
    edge.save((6, 0))
    edge.close()
    again = EdgeIndex(tmp_path, DIMENSIONS)
    assert (again.marks, [number for number, _ in again.search(vectors[0], 10, None)]) == ((6, 0), [6])
    assert len(list(tmp_path.glob("shard-*"))) == 1
    again.close()


async def test_a_graph_holds_what_the_file_held_when_it_was_made(backend: VectorBackend, tmp_path: Path) -> None:
    await backend.write(STORE, some("file-a", 300))
    await backend.remove(STORE, "file-a")
    await backend.write(STORE, some("file-b", 50))
    folder = tmp_path / "made"
    build.build(tmp_path / f"{STORE}.db", folder, DIMENSIONS)
    made = EdgeIndex(folder, DIMENSIONS)
    assert len(made) == 50
    assert made.marks == (350, 300)
    made.close()
