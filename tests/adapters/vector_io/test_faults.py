"""Many at once, calls that nobody waits for, and databases that are away: on every backend."""

import asyncio

import pytest

from adapters.vector_io.contract import BackendUnavailable, VectorBackend
from tests.adapters.vector_io.openers import Opener, Place
from tests.adapters.vector_io.plenty import once_it_is_back
from tests.adapters.vector_io.samples import DIMENSIONS, chunks_of, ids, packed

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = packed([1.0] * DIMENSIONS)
BACK_SECONDS = 20
"""A database that is back may take this long until it is reached again."""


async def test_writers_and_readers_are_right_together(backend: VectorBackend, store: str) -> None:
    async def write(file_id: str) -> None:
        for at in range(5):
            await backend.write(store, chunks_of(file_id, 4)[: at + 1] if at < 4 else chunks_of(file_id, 4))

    async def read() -> None:
        before = 0
        for _ in range(10):
            found = await backend.nearest(store, QUESTION, 100)
            assert len({*ids(found)}) == len(found) >= before
            before = len(found)
            assert len(await backend.matching(store, "word0", 100)) <= 8

    await asyncio.gather(*(write(f"file-{at}") for at in range(8)), *(read() for _ in range(3)))
    assert await backend.count(store) == 32
    assert len({*ids(await backend.nearest(store, QUESTION, 100))}) == 32


async def test_the_same_file_written_by_several_is_there_once(backend: VectorBackend, store: str) -> None:
    await asyncio.gather(*(backend.write(store, chunks_of("file-a", 20)) for _ in range(6)))
    assert await backend.count(store) == 20
    assert len(await backend.matching(store, "word7", 10)) == 1


async def test_stores_may_be_made_and_dropped_by_several_at_once(backend: VectorBackend, name: str) -> None:
    await asyncio.gather(*(backend.create(name, DIMENSIONS) for _ in range(5)))
    await backend.write(name, chunks_of("file-a", 2))
    await asyncio.gather(*(backend.drop(name) for _ in range(5)))
    assert await backend.count(name) == 0


async def test_a_call_that_nobody_waits_for_harms_nothing(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 50))
    calls = [
        backend.write(store, chunks_of("file-b", 50)),
        backend.nearest(store, QUESTION, 50),
        backend.matching(store, "file", 50),
        backend.count(store),
    ]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await backend.count(store, "file-a") == 50
    await backend.write(store, chunks_of("file-b", 50))
    assert await backend.count(store) == 100
    assert len({*ids(await backend.nearest(store, QUESTION, 200))}) == 100


async def test_two_gateways_see_what_each_other_wrote(
    opener: Opener, place: Place, backend: VectorBackend, store: str
) -> None:
    if opener.one_process:
        pytest.skip("only one process may have it open")
    other = place.open()
    await other.start()
    await backend.write(store, chunks_of("file-a", 3))
    assert await other.count(store) == 3
    await other.write(store, chunks_of("file-b", 2))
    await other.describe(store, "file-a", {"colour": "red"})
    assert len(await backend.nearest(store, QUESTION, 10)) == 5
    assert len(await backend.matching(store, "word1", 10)) == 2
    assert {**(await backend.matching(store, "word2", 10))[0].attributes} == {"colour": "red"}
    await other.drop(store)
    assert await backend.count(store) == 0
    await other.create(store, DIMENSIONS)
    await backend.write(store, chunks_of("file-c", 1))
    assert await other.count(store) == 1
    await other.close()


async def test_a_database_that_is_away_is_named_and_used_again_when_it_is_back(own_place: Place, name: str) -> None:
    backend = own_place.open()
    await backend.start()
    await backend.create(name, DIMENSIONS)
    await backend.write(name, chunks_of("file-a", 2))
    away = own_place.away()
    if away is None:
        await backend.close()
        pytest.skip("it is a part of this process")
    with away:
        for call in (
            backend.nearest(name, QUESTION, 10),
            backend.matching(name, "word1", 10),
            backend.write(name, chunks_of("file-b", 1)),
            backend.count(name),
            backend.remove(name, "file-a"),
        ):
            with pytest.raises(BackendUnavailable, match="test"):
                await call
    await once_it_is_back(backend, name, BACK_SECONDS)
    assert await backend.count(name, "file-a") == 2
    await backend.write(name, chunks_of("file-b", 1))
    assert len(await backend.nearest(name, QUESTION, 10)) == 3
    await backend.drop(name)
    await backend.close()
