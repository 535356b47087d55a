"""What is written is there, once, until it is taken out; on every backend."""

import pytest

from adapters.vector_io.contract import BackendUnavailable, VectorBackend
from adapters.vector_io.filters import Attribute, Comparison
from tests.adapters.vector_io.openers import Place
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, chunks_of, ids, packed

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = packed([1.0] * DIMENSIONS)


async def test_a_new_store_is_empty(backend: VectorBackend, store: str) -> None:
    assert await backend.count(store) == 0
    assert await backend.nearest(store, QUESTION, 10) == []
    assert await backend.matching(store, "words", 10) == []


async def test_making_a_store_again_keeps_what_is_there(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 2))
    await backend.create(store, DIMENSIONS)
    assert await backend.count(store) == 2


async def test_a_dropped_store_is_gone_and_may_be_made_again(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 2))
    await backend.drop(store)
    await backend.drop(store)
    assert await backend.nearest(store, QUESTION, 10) == []
    await backend.create(store, DIMENSIONS)
    assert await backend.count(store) == 0
    await backend.write(store, chunks_of("file-a", 1))
    assert await backend.count(store) == 1


async def test_a_store_that_is_not_there_holds_nothing_and_takes_nothing(backend: VectorBackend, name: str) -> None:
    assert await backend.count(name) == 0
    assert await backend.count(name, "file-a") == 0
    assert await backend.nearest(name, QUESTION, 10) == []
    assert await backend.matching(name, "words", 10) == []
    await backend.remove(name, "file-a")
    await backend.describe(name, "file-a", {"a": "b"})
    await backend.drop(name)
    with pytest.raises(BackendUnavailable):
        await backend.write(name, chunks_of("file-a", 1))


async def test_chunks_are_counted_by_file(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [*chunks_of("file-a", 3), *chunks_of("file-b", 2)])
    assert await backend.count(store) == 5
    assert await backend.count(store, "file-a") == 3
    assert await backend.count(store, "file-b") == 2
    assert await backend.count(store, "file-c") == 0


async def test_writing_the_same_again_changes_nothing(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 5))
    once = await backend.nearest(store, QUESTION, 10)
    await backend.write(store, chunks_of("file-a", 5))
    assert await backend.count(store) == 5
    assert await backend.nearest(store, QUESTION, 10) == once
    assert len(await backend.matching(store, "word3", 10)) == 1


async def test_a_chunk_takes_the_place_of_one_with_its_id(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [chunk("c", text="green apples", vector=packed([1, *[0] * 7]))])
    await backend.write(store, [chunk("c", text="blue mountains", vector=packed([0, 1, *[0] * 6]))])
    assert await backend.count(store) == 1
    assert await backend.matching(store, "apples", 10) == []
    assert ids(await backend.matching(store, "mountains", 10)) == ["c"]
    (hit,) = await backend.nearest(store, packed([0, 1, *[0] * 6]), 10)
    assert hit.text == "blue mountains"
    assert hit.score == pytest.approx(1, abs=1e-3)


async def test_of_two_chunks_with_one_id_in_a_batch_the_last_stays(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [chunk("c", text="first"), chunk("d", text="other"), chunk("c", text="second")])
    assert await backend.count(store) == 2
    assert await backend.matching(store, "first", 10) == []
    assert ids(await backend.matching(store, "second", 10)) == ["c"]


async def test_an_empty_batch_is_no_fault(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [])
    assert await backend.count(store) == 0


async def test_a_large_batch_is_found_whole(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 1_500))
    assert await backend.count(store) == 1_500
    assert len({*ids(await backend.nearest(store, QUESTION, 1_000))}) == 1_000
    assert ids(await backend.matching(store, "word1499", 10)) == ["file-a-1499"]


async def test_removing_a_file_takes_out_its_chunks_and_no_others(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [*chunks_of("file-a", 3), *chunks_of("file-b", 2)])
    await backend.remove(store, "file-a")
    await backend.remove(store, "file-a")
    await backend.remove(store, "file-c")
    assert await backend.count(store) == 2
    assert {*ids(await backend.nearest(store, QUESTION, 10))} == {"file-b-0", "file-b-1"}
    assert ids(await backend.matching(store, "word1", 10)) == ["file-b-1"]


async def test_a_file_that_was_removed_may_come_again(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 3, colour="red"))
    await backend.remove(store, "file-a")
    await backend.write(store, chunks_of("file-a", 2))
    assert await backend.count(store, "file-a") == 2
    assert await backend.nearest(store, QUESTION, 10, Comparison("eq", "colour", "red")) == []


async def test_describing_a_file_changes_the_attributes_of_all_its_chunks(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [*chunks_of("file-a", 3, colour="red", size=1.0), *chunks_of("file-b", 1)])
    await backend.describe(store, "file-a", {"colour": "blue"})
    assert await backend.nearest(store, QUESTION, 10, Comparison("eq", "colour", "red")) == []
    assert await backend.nearest(store, QUESTION, 10, Comparison("eq", "size", 1.0)) == []
    blue = await backend.nearest(store, QUESTION, 10, Comparison("eq", "colour", "blue"))
    assert [hit.attributes for hit in blue] == [{"colour": "blue"}] * 3
    assert [hit.attributes for hit in await backend.matching(store, "word2", 10)] == [{"colour": "blue"}]
    await backend.describe(store, "file-a", {})
    assert await backend.nearest(store, QUESTION, 10, Comparison("eq", "colour", "blue")) == []


async def test_describing_an_unknown_file_is_no_fault(backend: VectorBackend, store: str) -> None:
    await backend.describe(store, "file-a", {"colour": "blue"})
    assert await backend.count(store) == 0


@pytest.mark.parametrize(
    "text",
    ["", " ", "a\x00b", "Ärger über Straße — 中文 🦜", "'; DROP TABLE chunks; --", '{"a": "\\u0000"}', "x" * 100_000],
    ids=["empty", "space", "nul", "unicode", "sql", "json", "long"],
)
async def test_a_text_comes_back_as_it_was(backend: VectorBackend, store: str, text: str) -> None:
    await backend.write(store, [chunk("c", text=text)])
    (hit,) = await backend.nearest(store, QUESTION, 10)
    assert hit.text == text


async def test_a_chunk_comes_back_whole(backend: VectorBackend, store: str) -> None:
    attributes: dict[str, Attribute] = {
        **{f"key {at}": float(at) for at in range(12)},
        "true": True,
        "one": 1.0,
        "quote ' \" \\ $ . % [0] \x00 é 🦜"[:64]: "value ' \" \\ $ . % \x00 é 🦜",
        "long": "v" * 512,
    }
    its_id = "a-z_0" * 20
    written = chunk(its_id, file_id="file-Aa1_-", index=7, text="text", attributes=attributes)
    await backend.write(store, [written])
    (near,) = await backend.nearest(store, written.vector, 10)
    (matched,) = await backend.matching(store, "text", 10)
    for hit in (near, matched):
        assert (hit.id, hit.file_id, hit.index, hit.text) == (its_id, "file-Aa1_-", 7, "text")
        assert hit.attributes == attributes
        assert {key: type(value) for key, value in hit.attributes.items()} == {
            key: type(value) for key, value in attributes.items()
        }


async def test_other_stores_are_never_seen(backend: VectorBackend, store: str) -> None:
    other = f"{store[:-1]}{store[-1].upper() if store[-1].isalpha() else 'X'}"
    await backend.create(other, DIMENSIONS)
    try:
        await backend.write(store, chunks_of("file-a", 3, colour="red"))
        await backend.write(other, chunks_of("file-a", 1, colour="blue"))
        assert (await backend.count(store), await backend.count(other)) == (3, 1)
        assert [hit.attributes for hit in await backend.nearest(other, QUESTION, 10)] == [{"colour": "blue"}]
        assert await backend.matching(other, "word2", 10) == []
        await backend.describe(other, "file-a", {"colour": "green"})
        await backend.remove(other, "file-a")
        assert {hit.attributes["colour"] for hit in await backend.nearest(store, QUESTION, 10)} == {"red"}
    finally:
        await backend.drop(other)
    assert await backend.count(store) == 3


@pytest.mark.parametrize("name", ["A", "z" * 64, "vs_-_-", "Select"])
async def test_stores_may_be_named_so(backend: VectorBackend, name: str) -> None:
    await backend.drop(name)
    await backend.create(name, DIMENSIONS)
    await backend.write(name, chunks_of("file-a", 1))
    assert await backend.count(name) == 1
    await backend.drop(name)
    assert await backend.count(name) == 0


async def test_stores_differ_in_their_dimensions(backend: VectorBackend, store: str, name: str) -> None:
    wide = f"{name}_wide"
    await backend.create(wide, 1_536)
    await backend.write(wide, [chunk("c", vector=packed([1.0] * 1_536))])
    await backend.write(store, [chunk("c", vector=QUESTION)])
    (hit,) = await backend.nearest(wide, packed([1.0] * 1_536), 10)
    assert hit.score == pytest.approx(1, abs=1e-3)
    assert len(await backend.nearest(store, QUESTION, 10)) == 1
    await backend.drop(wide)


async def test_what_was_written_is_there_after_it_is_opened_again(own_place: Place, name: str) -> None:
    first = own_place.open()
    await first.start()
    await first.create(name, DIMENSIONS)
    await first.write(name, [*chunks_of("file-a", 3, colour="red"), *chunks_of("file-b", 2)])
    await first.remove(name, "file-b")
    await first.describe(name, "file-a", {"colour": "blue"})
    found = await first.nearest(name, QUESTION, 10), await first.matching(name, "word1", 10)
    await first.close()
    again = own_place.open()
    await again.start()
    assert (await again.nearest(name, QUESTION, 10), await again.matching(name, "word1", 10)) == found
    assert len(found[0]) == 3
    await again.drop(name)
    await again.close()
