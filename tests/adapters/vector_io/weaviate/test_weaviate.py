"""Weaviate's official client against a stand-in: what is its own, next to what all backends have in common."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.weaviate import BACKEND, Options
from tests.adapters.vector_io.openers.weaviate import server
from tests.adapters.vector_io.plenty import some_chunks, watched_loop

pytest.importorskip("weaviate", reason="the extra weaviate is not installed")

from adapters.vector_io.weaviate.collections import collection

SECRET = "very-secret"


def options(**fields: object) -> Options:
    found = server()
    return Options(**{"url": found.url, "grpc": f"127.0.0.1:{found.grpc_port}", "api_key": SECRET, **fields})  # type: ignore[arg-type]


async def test_the_key_is_sent_and_the_event_loop_stays_free() -> None:
    backend = BACKEND.open("main", options(), Path())
    await backend.start()
    chunks = some_chunks(200, 64)
    await backend.create("vs_free", 64)
    async with watched_loop() as longest:
        await backend.write("vs_free", chunks)
        await backend.nearest("vs_free", chunks[0].vector, 50)
        await backend.matching("vs_free", chunks[0].text, 50)
    assert longest[0] < 0.25
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
