"""pgvector: what is its own, next to what it has to have in common with every backend."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.contract import BackendUnavailable, Chunk, VectorBackend
from adapters.vector_io.filters import Comparison
from adapters.vector_io.pgvector import BACKEND, Options
from adapters.vector_io.pgvector import backend as backend_module
from adapters.vector_io.pgvector.conditions import escape, unescape
from tests.adapters.vector_io.openers.pgvector import server
from tests.adapters.vector_io.plenty import FREE_SECONDS, longest_stall, some_chunks, unit
from tests.adapters.vector_io.samples import ids
from tests.services.postgres import PASSWORD, PostgresServer
from tests.upstream.script import PATIENCE

STORE = "vs_of-the-test"


@asynccontextmanager
async def opened(url: str, **options: object) -> AsyncIterator[VectorBackend]:
    backend = BACKEND.open("main", Options(url=url, **options), Path())  # type: ignore[arg-type]
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture(scope="module")
def vector_postgres() -> PostgresServer:
    return server()


@pytest.fixture
def url(vector_postgres: PostgresServer) -> str:
    return vector_postgres.new_database()


@pytest.fixture
async def backend(url: str) -> AsyncIterator[VectorBackend]:
    async with opened(url) as running:
        yield running


async def test_a_restarted_server_is_used_again(own_vector_postgres: PostgresServer) -> None:
    chunks = some_chunks(20)
    async with opened(own_vector_postgres.url()) as backend:
        await backend.create(STORE, 8)
        await backend.write(STORE, chunks)
        own_vector_postgres.stop(crash=True)
        with pytest.raises(BackendUnavailable) as refused:
            await backend.nearest(STORE, chunks[3].vector, 1)
        assert "main" in str(refused.value)
        assert PASSWORD not in str(refused.value)
        own_vector_postgres.start()
        assert ids(await backend.nearest(STORE, chunks[3].vector, 1)) == ["chunk-3"]
        assert await backend.count(STORE) == 20


async def test_a_server_that_hangs_costs_no_more_than_the_time_limit(own_vector_postgres: PostgresServer) -> None:
    async with opened(own_vector_postgres.url()) as patient:
        await patient.create(STORE, 8)
        await patient.write(STORE, some_chunks(3))
    async with opened(own_vector_postgres.url(), timeout_seconds=1) as backend:
        own_vector_postgres.pause()
        with pytest.raises(BackendUnavailable, match="in time"):
            await backend.count(STORE)
        own_vector_postgres.resume()
        assert await _counted(backend) == 3


async def _counted(backend: VectorBackend) -> int:
    """The chunks of the store, as soon as the server answers in time."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await backend.count(STORE)
            except BackendUnavailable:
                await asyncio.sleep(0.05)


async def test_a_server_that_hangs_does_not_keep_it_from_closing(
    own_vector_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(own_vector_postgres.url()) as backend:
        await backend.create(STORE, 8)
        own_vector_postgres.pause()
        monkeypatch.setattr(backend_module, "_CONNECT_SECONDS", 0.2)
        try:
            async with asyncio.timeout(20):
                await backend.close()
        finally:
            own_vector_postgres.resume()


async def test_one_that_was_never_asked_is_closed() -> None:
    await BACKEND.open("main", Options(url="postgresql://127.0.0.1:1/none"), Path()).close()


async def test_an_address_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(BackendUnavailable, match="main: PostgreSQL can't be reached"):
        async with opened("postgresql://isthmus:very-secret@127.0.0.1:1/none"):
            pass


def test_the_options_do_not_show_the_password() -> None:
    assert "very-secret" not in repr(Options(url="postgresql://isthmus:very-secret@host/database"))


async def test_gateways_that_start_at_once_share_the_stores(url: str) -> None:
    async with AsyncExitStack() as stack:
        gateways = await asyncio.gather(*(stack.enter_async_context(opened(url)) for _ in range(4)))
        await asyncio.gather(*(gateway.create(STORE, 8) for gateway in gateways))
        chunks = some_chunks(40)
        await asyncio.gather(*(gateway.write(STORE, chunks) for gateway in gateways))
        assert [await gateway.count(STORE) for gateway in gateways] == [40] * 4
        assert ids(await gateways[0].matching(STORE, chunks[0].text, 1)) == ["chunk-0"]


async def test_bm25_counts_what_is_there_now(backend: VectorBackend) -> None:
    await backend.create(STORE, 8)
    cats, *rest = some_chunks(30, text="cats and dogs")
    await backend.write(STORE, [cats, *rest])
    (common,) = await backend.matching(STORE, "cats", 1)
    await backend.write(STORE, [Chunk(c.id, c.file_id, c.index, "dogs", c.vector, c.attributes) for c in rest])
    (rare,) = await backend.matching(STORE, "cats", 10)
    assert rare.id == cats.id
    assert rare.score > 10 * common.score


async def test_a_writer_that_is_stopped_halfway_leaves_nothing(backend: VectorBackend) -> None:
    await backend.create(STORE, 8)
    writing = asyncio.create_task(backend.write(STORE, some_chunks(400)))
    while not writing.done():
        await asyncio.sleep(0.02)
        writing.cancel()
    await asyncio.wait([writing])
    assert await backend.count(STORE) in (0, 400)
    assert len(await backend.matching(STORE, "word1", 400)) in (0, len(_with("word1", some_chunks(400))))


def _with(word: str, chunks: list[Chunk]) -> list[Chunk]:
    return [chunk for chunk in chunks if word in chunk.text.split()]


async def test_a_filter_that_lets_little_pass_finds_it_all(backend: VectorBackend) -> None:
    await backend.create(STORE, 8)
    chunks = some_chunks(600)
    await backend.write(STORE, chunks)
    rare = Comparison("in", "number", (3.0, 333.0, 599.0))
    found = await backend.nearest(STORE, chunks[333].vector, 10, rare)
    assert found[0].id == "chunk-333"
    assert set(ids(found)) == {"chunk-3", "chunk-333", "chunk-599"}


@pytest.mark.parametrize("dimensions", [1, 2_000, 2_001, 4_000, 4_001])
async def test_vectors_of_every_size_are_searched(backend: VectorBackend, dimensions: int) -> None:
    await backend.create(STORE, dimensions)
    chunks = some_chunks(12, dimensions)
    await backend.write(STORE, chunks)
    (nearest,) = await backend.nearest(STORE, chunks[5].vector, 1)
    assert nearest.score == pytest.approx(1)
    assert dimensions == 1 or nearest.id == "chunk-5"


@pytest.mark.parametrize(("dimensions", "index"), [(8, True), (3_072, True), (4_001, False)])
async def test_the_index_is_used_where_there_is_one(
    vector_postgres: PostgresServer, url: str, dimensions: int, index: bool
) -> None:
    async with opened(url) as backend:
        await backend.create(STORE, dimensions)
    made = vector_postgres.run("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'", url)
    assert made == [(int(index),)]


async def test_characters_that_postgresql_has_not_come_back(backend: VectorBackend) -> None:
    await backend.create(STORE, 8)
    text = "zero \x00\x01\x02 ends"
    (chunk,) = some_chunks(1, text=text, attributes={"a\x00": "b\x00\x01", "n": 1e300})
    await backend.write(STORE, [chunk])
    (hit,) = await backend.matching(STORE, "ends", 1, Comparison("gt", "a\x00", "b\x00\x00"))
    assert (hit.text, hit.attributes) == (text, chunk.attributes)


@given(st.text("\x00\x01\x02a"), st.text("\x00\x01\x02a"))
def test_escaped_texts_keep_their_order(one: str, other: str) -> None:
    assert unescape(escape(one)) == one
    assert (escape(one) < escape(other)) == (one < other)
    assert "\x00" not in escape(one)


async def test_a_big_write_lets_others_go_on(backend: VectorBackend) -> None:
    source = random.Random(3)
    chunks = some_chunks(200, 384, text=" ".join(f"w{source.randrange(5_000)}" for _ in range(800)))
    await backend.create(STORE, 384)

    async def work() -> None:
        await backend.write(STORE, chunks)
        await backend.nearest(STORE, unit(source, 384), 50)
        await backend.matching(STORE, "w1 w2 w3", 50)

    assert await longest_stall(work) < FREE_SECONDS


async def test_a_store_in_use_can_be_dropped(backend: VectorBackend) -> None:
    await backend.create(STORE, 8)
    writing = [backend.write(STORE, some_chunks(50)) for _ in range(5)]
    outcomes = await asyncio.gather(*writing, backend.drop(STORE), return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, BackendUnavailable) for outcome in outcomes)
    assert await backend.count(STORE) == 0
    assert await backend.nearest(STORE, some_chunks(1)[0].vector, 5) == []
