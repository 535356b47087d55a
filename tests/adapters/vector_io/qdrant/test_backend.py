"""What a Qdrant server answers when something is wrong."""

import pytest
from qdrant_client import AsyncQdrantClient

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.filters import Comparison
from adapters.vector_io.qdrant import Options, backend
from adapters.vector_io.qdrant.backend import Qdrant
from tests.adapters.vector_io.openers.qdrant import server
from tests.adapters.vector_io.qdrant.server import API_KEY
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, packed

QUESTION = packed([1.0] * DIMENSIONS)


def opened(api_key: str = API_KEY) -> Qdrant:
    return Qdrant("main", Options(url=server().url, api_key=api_key, prefix="answers-"))


async def test_a_wrong_key_is_told_without_the_key() -> None:
    qdrant = opened("a-wrong-key")
    with pytest.raises(BackendUnavailable) as told:
        await qdrant.start()
    assert str(told.value) == "The vector backend main (Qdrant) fails: it answers 401."
    with pytest.raises(BackendUnavailable):
        await qdrant.nearest("vs_key", QUESTION, 1, Comparison("gt", "a", "b"))
    await qdrant.close()


async def test_nobody_at_the_address_is_told() -> None:
    qdrant = Qdrant("main", Options(url="http://127.0.0.1:1"))
    with pytest.raises(BackendUnavailable, match=r"main .Qdrant. fails: it can't be reached"):
        await qdrant.start()
    await qdrant.close()


async def test_a_collection_that_another_gateway_makes_meanwhile_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    qdrant = opened()
    await qdrant.create("vs_twice", DIMENSIONS)

    async def not_yet(client: AsyncQdrantClient, name: str) -> bool:
        return False

    monkeypatch.setattr(AsyncQdrantClient, "collection_exists", not_yet)
    await qdrant.create("vs_twice", DIMENSIONS)
    assert await qdrant.count("vs_twice") == 0
    await qdrant.drop("vs_twice")
    await qdrant.close()


async def test_a_collection_that_can_not_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_there(client: AsyncQdrantClient, name: str) -> bool:
        return False

    monkeypatch.setattr(AsyncQdrantClient, "collection_exists", not_there)
    qdrant = opened("a-wrong-key")
    with pytest.raises(BackendUnavailable, match="it answers 401"):
        await qdrant.create("vs_refused", DIMENSIONS)
    await qdrant.close()


async def test_more_texts_than_are_compared_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_TEXTS", 2)
    qdrant = opened()
    await qdrant.create("vs_texts", DIMENSIONS)
    chunks = [chunk(f"c{at}", file_id=f"file-{at}", attributes={"name": f"text {at}"}) for at in range(3)]
    await qdrant.write("vs_texts", chunks)
    with pytest.raises(BackendUnavailable, match="up to 2 different texts"):
        await qdrant.nearest("vs_texts", QUESTION, 5, Comparison("gt", "name", "text 0"))
    await qdrant.drop("vs_texts")
    await qdrant.close()


def test_the_options_do_not_show_the_key() -> None:
    assert API_KEY not in repr(Options(url="http://qdrant:6333", api_key=API_KEY))
