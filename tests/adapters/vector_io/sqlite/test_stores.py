"""The files of stores: what can be wrong with them, and what happens while they come and go."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.sqlite import stores as stores_module
from adapters.vector_io.sqlite.stores import NoStore, Stores
from tests.adapters.vector_io.openers import Folder
from tests.adapters.vector_io.samples import DIMENSIONS, chunks_of

SERVED = ("qdrant", "pgvector", "weaviate")
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


def ready(connection: apsw.Connection) -> None:
    """Nothing is missing."""


def make(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE t (x)")


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    stores = Stores("test", tmp_path, ready)
    await stores.start()
    await stores.create("vs", make)
    yield stores
    await stores.close(lambda: None)


async def test_a_reading_that_nobody_waits_for_is_interrupted(stores: Stores) -> None:
    begun = threading.Event()

    def endless(connection: apsw.Connection, path: Path) -> None:
        begun.set()
        connection.execute(ENDLESS).get  # noqa: B018 - it is what runs it

    reading = asyncio.create_task(stores.read("vs", endless))
    await asyncio.to_thread(begun.wait)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await stores.close(lambda: None)  # which waits for every thread


def test_a_reading_that_was_given_up_goes_no_further(tmp_path: Path) -> None:
    reading = stores_module._Reading(lambda connection, path: connection.execute(ENDLESS).get)
    reading.stop()
    with pytest.raises(apsw.InterruptError):
        reading(apsw.Connection(":memory:"), tmp_path)


async def test_a_store_that_another_process_made_meanwhile_stays(stores: Stores, tmp_path: Path) -> None:
    def while_it_is_made(connection: apsw.Connection) -> None:
        (tmp_path / "other.db").write_text("of the other process")

    await stores.create("other", while_it_is_made)
    assert sorted(os.listdir(tmp_path)) == ["other.db", "vs.db"]


async def test_a_transaction_that_fails_changes_nothing(stores: Stores) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1)")
        raise apsw.FullError("the disk is full")

    with pytest.raises(BackendUnavailable, match="test fails: the disk is full"):
        await stores.write("vs", fail)
    count = await stores.read("vs", lambda connection, path: connection.execute("SELECT count(*) FROM t").get)
    assert count == 0


async def test_a_transaction_that_sqlite_has_ended_itself_is_told_by_its_first_fault(stores: Stores) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does where the disk is full
        raise apsw.FullError("the disk is full")

    with pytest.raises(BackendUnavailable, match="test fails: the disk is full"):
        await stores.write("vs", fail)


async def test_a_store_that_is_dropped_and_made_while_it_is_opened_is_the_new_one(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = stores_module._identity, iter([(0, 0)])
    monkeypatch.setattr(stores_module, "_identity", lambda path: next(seen, None) or real(path))
    assert await stores.read("vs", lambda connection, path: connection.execute("SELECT count(*) FROM t").get) == 0


async def test_a_store_that_is_dropped_while_it_is_opened_is_not_there(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores_module, "_identity", lambda path: (0, 0))
    with pytest.raises(NoStore):
        await stores.read("gone", lambda connection, path: None)


async def test_more_connections_than_may_wait_are_closed(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores_module, "_IDLE", 1)
    gate = threading.Barrier(3)
    await asyncio.gather(*(stores.read("vs", lambda connection, path: gate.wait() and None) for _ in range(3)))
    assert len(stores._idle._known) <= 1


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "vs.db").write_bytes(b"no database " * 1_000)
    os.mkdir(tmp_path / "folder.db")
    backend = Folder("sqlite_vec", tmp_path).open()
    await backend.start()
    for store in ("vs", "folder"):
        with pytest.raises(BackendUnavailable, match="test fails"):
            await backend.count(store)
        with pytest.raises(BackendUnavailable, match="test fails"):
            await backend.write(store, chunks_of("file-a", 1))
    await backend.close()


async def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = Folder("sqlite_vec", tmp_path / "file" / "folder").open()
    with pytest.raises(BackendUnavailable, match="test fails: Not a directory"):
        await backend.start()
    await backend.close()


@pytest.mark.parametrize("type", ["sqlite_vec", "faiss", "qdrant_edge"])
async def test_the_folder_of_the_options_is_used(tmp_path: Path, type: str) -> None:
    backend = Folder(type, tmp_path / "unused", {"folder": str(tmp_path / "used")}).open()
    await backend.start()
    await backend.create("vs", DIMENSIONS)
    await backend.close()
    assert "vs.db" in os.listdir(tmp_path / "used")


@pytest.mark.parametrize(
    ("type", "library", "extra"),
    [
        ("sqlite_vec", "apsw", "sqlite-vec"),
        ("faiss", "apsw", "faiss"),
        ("qdrant_edge", "apsw", "qdrant-edge"),
        ("qdrant", "qdrant_client", "qdrant"),
        ("pgvector", "asyncpg", "pgvector"),
        ("chroma", "chromadb", "chroma"),
        ("milvus", "pymilvus", "milvus"),
        ("weaviate", "weaviate", "weaviate"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type: str, library: str, extra: str
) -> None:
    for name in list(sys.modules):
        if name.startswith(("adapters.vector_io.sqlite", f"adapters.vector_io.{type}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install 'isthmus\[{extra}\]'"):
        Folder(type, tmp_path, {"url": "http://127.0.0.1:1"} if type in SERVED else {}).open()
