"""Weaviate's official client against a stand-in: what is its own, next to what all backends have in common."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.contract import BackendUnavailable, VectorBackend
from adapters.vector_io.filters import Comparison
from adapters.vector_io.weaviate import BACKEND, Options
from tests.adapters.vector_io.openers.weaviate import server
from tests.adapters.vector_io.plenty import FREE_SECONDS, longest_stall, some_chunks
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, chunks_of, ids, packed

pytest.importorskip("weaviate", reason="the extra weaviate is not installed")

from adapters.vector_io.weaviate.collections import collection

SECRET = "very-secret"
STORE = "vs_of-the-test"
QUESTION = packed([1.0] * DIMENSIONS)


def options(**fields: object) -> Options:
    found = server()
    return Options(**{"url": found.url, "grpc": f"127.0.0.1:{found.grpc_port}", "api_key": SECRET, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def backend() -> AsyncIterator[VectorBackend]:
    backend = BACKEND.open("main", options(), Path())
    await backend.start()
    await backend.create(STORE, DIMENSIONS)
    yield backend
    server().failing, server().keeps = {}, False
    await backend.drop(STORE)
    await backend.close()


async def test_the_key_is_sent_and_the_event_loop_stays_free() -> None:
    backend = BACKEND.open("main", options(), Path())
    await backend.start()
    chunks = some_chunks(200, 64)
    await backend.create("vs_free", 64)

    async def work() -> None:
        await backend.write("vs_free", chunks)
        await backend.nearest("vs_free", chunks[0].vector, 50)
        await backend.matching("vs_free", chunks[0].text, 50)

    assert await longest_stall(work) < FREE_SECONDS
    assert f"Bearer {SECRET}" in server().keys
    await backend.drop("vs_free")
    await backend.close()


async def test_a_server_that_is_not_there_is_unavailable_without_saying_where() -> None:
    backend = BACKEND.open("main", options(url="http://127.0.0.1:1", timeout_seconds=1), Path())
    with pytest.raises(BackendUnavailable, match=r"^main: Weaviate fails: [A-Za-z]+$"):
        await backend.start()
    await backend.close()


def test_the_options_do_not_show_the_key() -> None:
    assert SECRET not in repr(Options(url=f"https://u:{SECRET}@host", api_key=SECRET))


@given(st.text("aAbBhHuU09-_", max_size=6), st.text("aAbBhHuU09-_", max_size=6))
def test_other_stores_have_another_collection_whatever_their_case(one: str, other: str) -> None:
    assert (collection(one).lower() == collection(other).lower()) == (one == other)


async def test_a_drop_that_fails_after_it_was_done_is_done(backend: VectorBackend) -> None:
    server().failing = {"DELETE": True}
    await backend.drop(STORE)
    server().failing = {}
    assert await backend.count(STORE) == 0


async def test_a_drop_that_fails_is_told_while_the_store_is_there(backend: VectorBackend) -> None:
    await backend.write(STORE, chunks_of("file-a", 1))
    server().failing = {"DELETE": False}
    with pytest.raises(BackendUnavailable, match="UnexpectedStatusCodeError"):
        await backend.drop(STORE)
    assert await backend.count(STORE) == 1


async def test_a_store_that_somebody_else_made_meanwhile_is_made(backend: VectorBackend) -> None:
    await backend.drop(STORE)
    server().failing = {"POST": True}
    await backend.create(STORE, DIMENSIONS)
    server().failing = {}
    await backend.write(STORE, chunks_of("file-a", 1))


async def test_a_store_that_can_not_be_made_is_told(backend: VectorBackend) -> None:
    await backend.drop(STORE)
    server().failing = {"POST": False}
    with pytest.raises(BackendUnavailable, match="UnexpectedStatusCodeError"):
        await backend.create(STORE, DIMENSIONS)


async def test_a_property_that_somebody_else_made_meanwhile_is_written(backend: VectorBackend) -> None:
    server().failing = {"POST": True}
    await backend.write(STORE, [chunk("c", attributes={"size": 1.0})])
    assert ids(await backend.nearest(STORE, QUESTION, 10, Comparison("gt", "size", 0.0))) == ["c"]


async def test_a_property_that_can_not_be_made_is_told_and_nothing_written(backend: VectorBackend) -> None:
    server().failing = {"POST": False}
    with pytest.raises(BackendUnavailable, match="UnexpectedStatusCodeError"):
        await backend.write(STORE, [chunk("c", attributes={"size": 1.0})])
    assert await backend.count(STORE) == 0


async def test_a_write_of_which_a_part_is_refused_is_told(backend: VectorBackend) -> None:
    with pytest.raises(BackendUnavailable, match="WeaviateInsertMany"):
        await backend.write(STORE, [chunk("c"), chunk("d", vector=packed([1.0]))])
    assert await backend.count(STORE) == 1


async def test_what_can_not_be_deleted_is_told_rather_than_tried_for_ever(backend: VectorBackend) -> None:
    await backend.write(STORE, chunks_of("file-a", 3))
    server().keeps = True
    with pytest.raises(BackendUnavailable, match="WeaviateDeleteMany"):
        await asyncio.wait_for(backend.remove(STORE, "file-a"), 10)
    assert await backend.count(STORE) == 3


async def test_a_replica_that_is_behind_is_not_described_to_for_ever(backend: VectorBackend) -> None:
    await backend.write(STORE, chunks_of("file-a", 3))
    server().keeps = True
    await asyncio.wait_for(backend.describe(STORE, "file-a", {"colour": "red"}), 10)
