"""Chroma: what is its own, next to what it has to have in common with every backend."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io import chroma, chroma_server
from adapters.vector_io.chroma.conditions import facts, where
from adapters.vector_io.contract import BackendUnavailable, VectorBackend
from adapters.vector_io.filters import Comparison, holds
from tests.adapters.vector_io.plenty import FREE_SECONDS, longest_stall, once_it_is_back, some_chunks
from tests.services.chroma import ChromaServer

pytest.importorskip("chromadb", reason="the extra chroma is not installed")

from chromadb.api.client import Client
from chromadb.errors import UniqueConstraintError

STORE = "vs_of-the-test"
OPERATORS = {"$gt": float.__gt__, "$gte": float.__ge__, "$lt": float.__lt__, "$lte": float.__le__}


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[VectorBackend]:
    backend = chroma.BACKEND.open("main", chroma.Options(), tmp_path)
    await backend.start()
    yield backend
    await backend.close()


async def test_calls_leave_the_event_loop_free(embedded: VectorBackend) -> None:
    chunks = some_chunks(300, 64)
    await embedded.create(STORE, 64)

    async def work() -> None:
        await asyncio.gather(*(embedded.write(STORE, chunks[at : at + 100]) for at in (0, 100, 200)))
        await embedded.nearest(STORE, chunks[0].vector, 50)
        await embedded.matching(STORE, chunks[0].text, 50)

    assert await longest_stall(work) < FREE_SECONDS


async def test_a_server_that_hangs_costs_no_more_than_the_time_limit() -> None:
    with ChromaServer() as server:
        backend = chroma_server.BACKEND.open(
            "main", chroma_server.Options(url=server.url, token="very-secret", timeout_seconds=1), Path()
        )
        await backend.start()
        await backend.create(STORE, 8)
        server.send(signal.SIGSTOP)
        with pytest.raises(BackendUnavailable, match="main: Chroma can't be reached") as refused:
            await backend.count(STORE)
        assert "very-secret" not in str(refused.value)
        server.send(signal.SIGCONT)
        await once_it_is_back(backend, STORE)
        await backend.close()


async def test_one_that_was_never_asked_is_closed(tmp_path: Path) -> None:
    await chroma.BACKEND.open("main", chroma.Options(), tmp_path).close()


async def test_what_chroma_refuses_is_told_in_its_words(embedded: VectorBackend) -> None:
    await embedded.create(STORE, 8)
    await embedded.write(STORE, some_chunks(1, 8))
    with pytest.raises(BackendUnavailable, match=r"main: Chroma answers: .*dimension"):
        await embedded.write(STORE, some_chunks(1, 9))


async def test_a_store_that_somebody_else_makes_meanwhile_is_made(
    embedded: VectorBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Client.get_or_create_collection

    def make_too_late(client: Client, *arguments: Any, **options: Any) -> Any:
        make(client, *arguments, **options)
        raise UniqueConstraintError("it is there already")

    monkeypatch.setattr(Client, "get_or_create_collection", make_too_late)
    await embedded.create(STORE, 8)
    await embedded.write(STORE, some_chunks(3, 8))
    assert await embedded.count(STORE) == 3


def test_only_one_process_may_have_the_folder_open() -> None:
    assert chroma.BACKEND.one_process
    assert not chroma_server.BACKEND.one_process


def test_the_options_do_not_show_the_token() -> None:
    assert "very-secret" not in repr(chroma_server.Options(url="https://u:very-secret@host", token="very-secret"))


def finds(condition: dict[str, object], record: dict[str, bool | float]) -> bool:
    """What Chroma does with a condition on one key, or with any of several."""
    if "$or" in condition:
        return any(finds(each, record) for each in condition["$or"])  # type: ignore[attr-defined]
    ((key, wanted),) = condition.items()
    assert isinstance(wanted, dict)
    ((operator, value),) = wanted.items()
    return key in record and OPERATORS[operator](float(record[key]), value)


@pytest.mark.parametrize("type", ["gt", "gte", "lt", "lte"])
@given(st.text("ab\x00é🦜", max_size=20), st.text("ab\x00é🦜", max_size=20))
def test_texts_are_ordered_by_groups_of_their_bytes(type: str, found: str, wanted: str) -> None:
    comparison = Comparison(type, "key", wanted)  # type: ignore[arg-type]
    condition = where(comparison)
    assert condition is not None
    record = facts({"key": found, "other": wanted})
    assert finds(condition, record) == holds(comparison, {"key": found})
