"""Vectors in memory: kept in files that are whole or not there, and right after whatever happens to these."""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.filters import Comparison
from adapters.vector_io.sqlite import followed
from tests.adapters.vector_io.openers import Folder
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, chunks_of, cosine, ids, random_vector

STORE = "vs_faiss"
QUESTION = random_vector(random.Random(9))


async def opened(folder: Path, **options: object) -> VectorBackend:
    backend = Folder("faiss", folder, options).open()
    await backend.start()
    await backend.create(STORE, DIMENSIONS)
    return backend


def saved(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"{STORE}.*.index/*"))


async def test_vectors_are_saved_at_the_end_and_followed_from_there(tmp_path: Path) -> None:
    backend = await opened(tmp_path)
    await backend.write(STORE, chunks_of("file-a", 20))
    await backend.remove(STORE, "file-a")
    await backend.write(STORE, chunks_of("file-b", 30))
    expected = await backend.nearest(STORE, QUESTION, 50)
    assert saved(tmp_path) == []
    await backend.close()
    assert saved(tmp_path) == ["50-20"]
    backend = await opened(tmp_path)
    assert await backend.nearest(STORE, QUESTION, 50) == expected
    await backend.write(STORE, chunks_of("file-c", 5))
    assert len(await backend.nearest(STORE, QUESTION, 50)) == 35
    await backend.close()
    assert saved(tmp_path) == ["55-20"]


def cut_short(folder: Path, file: str) -> None:
    (path,) = folder.glob(f"{STORE}.*.index/*/{file}")
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("broken", ["vectors", "rows.npy"])
async def test_a_file_that_is_broken_is_made_again_from_the_store(tmp_path: Path, broken: str) -> None:
    backend = await opened(tmp_path)
    await backend.write(STORE, chunks_of("file-a", 20))
    expected = await backend.nearest(STORE, QUESTION, 50)
    await backend.close()
    cut_short(tmp_path, broken)
    backend = await opened(tmp_path)
    assert await backend.nearest(STORE, QUESTION, 50) == expected
    await backend.close()


async def test_an_index_of_another_kind_is_made_again(tmp_path: Path) -> None:
    for kind in ("flat", "hnsw"):
        backend = await opened(tmp_path, index=kind)
        await backend.write(STORE, chunks_of("file-a", 20))
        assert len(await backend.nearest(STORE, QUESTION, 50)) == 20
        await backend.close()


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
async def test_the_nearest_are_found_among_those_that_are_there(tmp_path: Path, kind: str) -> None:
    backend = await opened(tmp_path, index=kind)
    source = random.Random(4)
    vectors = {f"c{at}": random_vector(source) for at in range(400)}
    for at, (its, vector) in enumerate(vectors.items()):
        vectors[its] = vector
        if at % 100 == 99:
            part = list(vectors)[at - 99 : at + 1]
            file_id = f"file-{at // 100}"
            chunks = [
                chunk(each, file_id=file_id, vector=vectors[each], attributes={"part": float(at // 100)})
                for each in part
            ]
            await backend.write(STORE, chunks)
    await backend.remove(STORE, "file-1")
    there = [its for at, its in enumerate(vectors) if at // 100 != 1]
    best = sorted(there, key=lambda its: -cosine(vectors[its], QUESTION))
    assert ids(await backend.nearest(STORE, QUESTION, 10)) == best[:10]
    await backend.write(STORE, [chunk("rare", file_id="file-r", vector=vectors[best[-1]], attributes={"rare": True})])
    assert ids(await backend.nearest(STORE, QUESTION, 10, Comparison("eq", "rare", True))) == ["rare"]
    assert ids(await backend.nearest(STORE, QUESTION, 10, Comparison("eq", "part", 1.0))) == []
    of_part = [its for its in best if list(vectors).index(its) // 100 == 2]
    assert ids(await backend.nearest(STORE, QUESTION, 10, Comparison("eq", "part", 2.0))) == of_part[:10]
    await backend.remove(STORE, "file-0")
    await backend.remove(STORE, "file-2")
    assert {*ids(await backend.nearest(STORE, QUESTION, 500))} == {"rare", *list(vectors)[300:]}
    await backend.close()


async def test_more_stores_than_may_be_open_take_turns(tmp_path: Path) -> None:
    backend = await opened(tmp_path, open_stores=1)
    await backend.create("vs_other", DIMENSIONS)
    for at in range(3):
        await backend.write(STORE, chunks_of(f"file-{at}", 5))
        await backend.write("vs_other", chunks_of(f"file-{at}", 2))
    assert len(await backend.nearest(STORE, QUESTION, 50)) == 15
    assert len(await backend.nearest("vs_other", QUESTION, 50)) == 6
    await backend.close()


async def test_an_index_is_saved_after_many_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "_SAVED_AFTER", 10)
    backend = await opened(tmp_path)
    await backend.write(STORE, chunks_of("file-a", 20))
    assert saved(tmp_path) == ["20-0"]
    await backend.close()


async def test_an_index_that_is_too_far_behind_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "_GONE", 20)
    behind, writer = await opened(tmp_path), await opened(tmp_path)
    await writer.write(STORE, chunks_of("file-a", 10))
    assert len(await behind.nearest(STORE, QUESTION, 50)) == 10
    for _ in range(8):
        await writer.write(STORE, chunks_of("file-a", 10))
    assert len(await behind.nearest(STORE, QUESTION, 50)) == 10
    assert len(await writer.nearest(STORE, QUESTION, 50)) == 10
    await writer.close()
    await behind.close()


async def test_dropping_a_store_deletes_its_index_though_nobody_has_asked_it_yet(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    await first.write(STORE, chunks_of("file-a", 5))
    await first.close()
    again = Folder("faiss", tmp_path).open()
    await again.start()
    await again.drop(STORE)
    assert os.listdir(tmp_path) == []
    await again.close()


async def test_an_index_that_is_closed_while_somebody_comes_to_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = await opened(tmp_path)
    await backend.write(STORE, chunks_of("file-a", 5))
    find, came = followed.Followed._find, iter([True])

    def find_and_close(self: followed.Followed, *store: Any) -> Any:
        found = find(self, *store)
        if next(came, False):
            self.close()
        return found

    monkeypatch.setattr(followed.Followed, "_find", find_and_close)
    assert len(await backend.nearest(STORE, QUESTION, 50)) == 5
    await backend.close()


async def test_a_store_that_is_dropped_while_it_is_searched_makes_no_new_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await opened(tmp_path)
    await first.write(STORE, chunks_of("file-a", 5))
    await first.close()
    again = Folder("faiss", tmp_path).open()
    await again.start()
    find = followed.Followed._find

    def drop_and_find(self: followed.Followed, connection: Any, path: Path) -> Any:
        path.unlink()
        self.drop(path)
        return find(self, connection, path)

    monkeypatch.setattr(followed.Followed, "_find", drop_and_find)
    assert await again.nearest(STORE, QUESTION, 50) == []
    await again.close()
    assert [name for name in os.listdir(tmp_path) if name.endswith(".index")] == []


async def test_dropping_a_store_deletes_its_index(tmp_path: Path) -> None:
    backend = await opened(tmp_path)
    await backend.write(STORE, chunks_of("file-a", 5))
    await backend.drop(STORE)
    assert os.listdir(tmp_path) == []
    await backend.close()
