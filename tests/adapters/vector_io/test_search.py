"""The same chunks are found in the same order on every backend."""

import random

import pytest

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.filters import Comparison
from adapters.vector_io.words import bm25
from tests.adapters.vector_io.openers import Opener
from tests.adapters.vector_io.samples import DIMENSIONS, chunk, chunks_of, cosine, ids, packed, random_vector

pytestmark = pytest.mark.asyncio(loop_scope="module")

VOCABULARY = [f"{kind}{at}" for kind in ("river", "bridge", "gate") for at in range(6)]
TEXTS = [
    "The quick brown foxes jumped over the lazy dog",
    "A fox, a fox and another FOX: foxes!",
    "dog",
    "Straße und Brücke — die Brücken am Fluß",
    "naïve café résumé",
    "中文分词与检索",
    "日本語の文章を検索する",
    "한국어 문장 검색",
    "Поиск по словам, слова и словами",
    "user_id=42; foo.bar(baz) != 'quux' -- 100%",
    "NEAR(fox dog) AND OR NOT * ^ \" ' ( ) : fox*",
    "emoji 🦜 parrot",
    "e\u0301tude étude",
    "",
]


async def test_nearest_is_in_the_order_of_the_cosine(backend: VectorBackend, store: str) -> None:
    source = random.Random(1)
    chunks = [chunk(f"c{at}", vector=random_vector(source)) for at in range(200)]
    await backend.write(store, chunks)
    for _ in range(5):
        question = random_vector(source)
        scores = {each.id: cosine(each.vector, question) for each in chunks}
        expected = sorted(scores, key=lambda its: -scores[its])[:20]
        hits = await backend.nearest(store, question, 20)
        assert ids(hits) == expected
        assert [hit.score for hit in hits] == pytest.approx([scores[its] for its in expected], abs=1e-3)


async def test_a_limit_beyond_what_is_there_gives_all(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 3))
    assert len(await backend.nearest(store, packed([1.0] * DIMENSIONS), 1_000)) == 3
    assert len(await backend.matching(store, "file", 1_000)) == 3


async def test_a_limit_of_one_gives_the_best(backend: VectorBackend, store: str) -> None:
    chunks = chunks_of("file-a", 20)
    await backend.write(store, chunks)
    assert ids(await backend.nearest(store, chunks[7].vector, 1)) == ["file-a-7"]
    assert ids(await backend.matching(store, "word7", 1)) == ["file-a-7"]


async def test_opposite_vectors_are_found_last(backend: VectorBackend, store: str) -> None:
    ahead = [1.0] + [0.0] * (DIMENSIONS - 1)
    behind = [-1.0] + [0.0] * (DIMENSIONS - 1)
    await backend.write(store, [chunk("behind", vector=packed(behind)), chunk("ahead", vector=packed(ahead))])
    hits = await backend.nearest(store, packed(ahead), 10)
    assert ids(hits) == ["ahead", "behind"]
    assert [hit.score for hit in hits] == pytest.approx([1, -1], abs=1e-3)


async def test_a_vector_of_zeros_is_like_no_other(backend: VectorBackend, store: str) -> None:
    one = packed([1.0] * DIMENSIONS)
    await backend.write(store, [chunk("zeros", vector=packed([0.0] * DIMENSIONS)), chunk("one", vector=one)])
    hits = await backend.nearest(store, one, 10)
    assert ids(hits) == ["one", "zeros"]
    assert hits[1].score == pytest.approx(0, abs=1e-3)
    assert [hit.score for hit in await backend.nearest(store, packed([0.0] * DIMENSIONS), 10)] == [0, 0]


@pytest.mark.parametrize(
    "question",
    [
        "fox",
        "foxes and dogs",
        "the",
        "Brücke",
        "BRUCKE strasse",
        "cafe",
        "检索",
        "検索",
        "검색",
        "слово",
        "42",
        'fox" OR "dog',
        "NEAR(fox, dog) AND NOT cat*",
        "🦜",
        "étude",
        "e\u0301tude",
    ],
)
async def test_matching_reads_words_as_the_reference_does(
    backend: VectorBackend, store: str, opener: Opener, question: str
) -> None:
    await backend.write(store, [chunk(f"t{at}", text=text) for at, text in enumerate(TEXTS)])
    await _same_as_reference(backend, store, question, TEXTS, opener.words_tolerance)


async def test_matching_ranks_as_the_reference_does(backend: VectorBackend, store: str, opener: Opener) -> None:
    source = random.Random(2)
    texts = [" ".join(source.choices(VOCABULARY, k=source.randint(1, 60))) for _ in range(100)]
    await backend.write(store, [chunk(f"t{at}", text=text) for at, text in enumerate(texts)])
    for length in (1, 2, 5, 12):
        question = " ".join(source.choices(VOCABULARY, k=length))
        await _same_as_reference(backend, store, question, texts, opener.words_tolerance)


async def test_what_is_gone_counts_no_more_for_the_rank(backend: VectorBackend, store: str, opener: Opener) -> None:
    """A word that many chunks held is rare once they are gone."""
    await backend.write(store, [chunk(f"o{at}", file_id="file-old", text="stone stone gate") for at in range(30)])
    texts = ["stone bridge", "gate", "water and land", "water bridge stone", "land land"]
    await backend.write(store, [chunk("t0", text="all of it was otherwise")])
    await backend.write(store, [chunk(f"t{at}", text=text) for at, text in enumerate(texts)])
    await backend.remove(store, "file-old")
    for question in ("stone", "stone water", "gate land"):
        await _same_as_reference(backend, store, question, texts, opener.words_tolerance)


@pytest.mark.parametrize("question", ["", "  ", "!?", "*", '"', "\x00", "()"])
async def test_a_question_without_words_finds_nothing(backend: VectorBackend, store: str, question: str) -> None:
    await backend.write(store, [chunk("c", text="some words")])
    assert await backend.matching(store, question, 10) == []


async def test_a_question_may_be_long(backend: VectorBackend, store: str) -> None:
    await backend.write(store, chunks_of("file-a", 3))
    question = " ".join(f"word{at}" for at in range(3_000))
    assert len(await backend.matching(store, question, 10)) == 3


async def test_matching_finds_only_what_the_filter_lets_pass(backend: VectorBackend, store: str) -> None:
    await backend.write(store, [*chunks_of("file-a", 5, colour="red"), *chunks_of("file-b", 5, colour="blue")])
    hits = await backend.matching(store, "word3 word4", 10, Comparison("eq", "colour", "blue"))
    assert {*ids(hits)} == {"file-b-3", "file-b-4"}


async def test_a_rare_match_of_a_filter_is_found_among_many(backend: VectorBackend, store: str) -> None:
    """Its vector is the farthest, so that a search which filters what it found would miss it."""
    question = packed([1.0] * DIMENSIONS)
    source = random.Random(3)
    crowd = [packed([1 + source.random() / 10 for _ in range(DIMENSIONS)]) for _ in range(1_000)]
    await backend.write(store, [chunk(f"c{at}", file_id="file-b", vector=vector) for at, vector in enumerate(crowd)])
    await backend.write(store, [chunk("rare", vector=packed([-1.0] * DIMENSIONS), attributes={"rare": True})])
    assert ids(await backend.nearest(store, question, 10, Comparison("eq", "rare", True))) == ["rare"]


async def _same_as_reference(
    backend: VectorBackend, store: str, question: str, texts: list[str], tolerance: float
) -> None:
    scores = {f"t{at}": score for at, score in enumerate(bm25(question, texts))}
    hits = await backend.matching(store, question, len(texts))
    assert {*ids(hits)} == {its for its, score in scores.items() if score > 0}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.score == pytest.approx(scores[hit.id], rel=tolerance)
