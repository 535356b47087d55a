"""A search as a whole: what is asked of whom, in which order results come, and what happens where a part fails."""

import asyncio
from typing import Any

import msgspec
import pytest

from adapters.wire.errors import BadRequest, GatewayError, Unavailable, UpstreamError
from config.vector_stores import EmbeddingModel, Search
from gateway.auth.caller import ANYBODY
from tests.gateway.search.parts import Kept, Models, find, said, scores, texts

PETS = ("a: cats and cats", "b: dogs that bark", "c: a word of boats", "d: bark of a tree")


@pytest.fixture
def models() -> Models:
    return Models()


async def test_both_searches_are_made_and_what_both_find_is_first(models: Models) -> None:
    kept = Kept(*PETS)
    found = await find(kept, models, "dogs bark")
    assert sorted(kept.asked) == [("matching", 50), ("nearest", 50)]
    assert texts(found)[0] == "dogs that bark"
    assert scores(found)[0] == 1
    assert "bark of a tree" in texts(found)


async def test_the_answer_is_a_page_as_openai_writes_it(models: Models) -> None:
    found = await find(Kept("a: cats", a={"year": 2024, "is_new": True}), models, "cats")
    assert msgspec.json.decode(msgspec.json.encode(found.page)) == {
        "object": "vector_store.search_results.page",
        "search_query": ["cats"],
        "data": [
            {
                "file_id": "a",
                "filename": "a.txt",
                "score": 1,
                "attributes": {"year": 2024, "is_new": True},
                "content": [{"type": "text", "text": "cats"}],
            }
        ],
        "has_more": False,
        "next_page": None,
    }


async def test_the_call_for_vectors_is_the_callers_and_says_why(models: Models) -> None:
    await find(Kept(*PETS), models, ["cats", "dogs"], embedding=EmbeddingModel(model="meaning", dimensions=3))
    asked = {"model": "meaning", "input": ["cats", "dogs"], "encoding_format": "base64", "dimensions": 3}
    assert models.calls == [("embeddings", asked, ANYBODY, "search")]


async def test_dimensions_are_asked_of_the_configured_model_alone(models: Models) -> None:
    await find(Kept(*PETS), models, "cats", embedding=EmbeddingModel(model="another", dimensions=3))
    assert "dimensions" not in models.calls[0][1]


@pytest.mark.parametrize(
    ("mode", "searches", "operations"),
    [("vector", ["nearest"], ["embeddings"]), ("keyword", ["matching"], [])],
)
async def test_one_search_alone_asks_for_nothing_else(
    models: Models, mode: Any, searches: list[str], operations: list[str]
) -> None:
    kept = Kept(*PETS)
    await find(kept, models, "dogs", search=Search(mode=mode))
    assert [name for name, _ in kept.asked] == searches
    assert models.operations == operations


async def test_weights_of_a_request_win_over_the_configuration(models: Models) -> None:
    kept = Kept(*PETS)
    words_alone = {"hybrid_search": {"embedding_weight": 0, "text_weight": 1}}
    await find(kept, models, "dogs", search=Search(mode="vector"), ranking_options=words_alone)
    assert [name for name, _ in kept.asked] == ["matching"]


async def test_weights_decide_which_search_comes_first(models: Models) -> None:
    kept = Kept("meaning: cats", "words: tree")
    for embedding, text, first in ((200, 1, "cats"), (1, 200, "tree")):
        options = {"hybrid_search": {"embedding_weight": embedding, "text_weight": text}}
        assert texts(await find(kept, models, "tree of catsy", ranking_options=options))[0] == first


async def test_scores_of_meaning_alone_are_cosines(models: Models) -> None:
    found = await find(Kept("a: cats dogs", "b: boats"), models, "cats", search=Search(mode="vector"))
    assert scores(found) == [pytest.approx(2**-0.5), 0]


async def test_scores_of_words_alone_are_parts_of_the_best(models: Models) -> None:
    kept = Kept("a: bark bark", "b: bark and much else that is said", "c: cats")
    first, second = scores(await find(kept, models, "bark", search=Search(mode="keyword")))
    assert first == 1
    assert 0 < second < 1


async def test_results_under_the_threshold_are_left_out(models: Models) -> None:
    kept = Kept("a: cats dogs", "b: boats", "c: cats")
    search = Search(mode="vector")
    found = await find(kept, models, "cats", search=search, ranking_options={"score_threshold": 0.7})
    assert texts(found) == ["cats", "cats dogs"]
    found = await find(kept, models, "cats", search=search, ranking_options={"score_threshold": 0.8})
    assert texts(found) == ["cats"]


async def test_no_more_results_come_than_are_wanted_and_more_candidates_are_asked_for(models: Models) -> None:
    kept = Kept(*(f"f{number}: cats {number}" for number in range(30)))
    found = await find(kept, models, "cats", max_num_results=20, search=Search(candidates=5))
    assert len(found.page.data) == 20
    assert {limit for _, limit in kept.asked} == {20}
    assert len((await find(kept, models, "cats")).page.data) == 10


@pytest.mark.parametrize("mode", ["vector", "keyword"])
async def test_one_search_alone_gives_what_is_wanted_and_more_only_where_files_of_that_are_gone(
    models: Models, mode: Any
) -> None:
    search = Search(mode=mode)
    kept = Kept(*(f"f{number:02}: cats" for number in range(30)))
    assert len((await find(kept, models, "cats", search=search)).page.data) == 10
    assert [limit for _, limit in kept.asked] == [10]
    names = {f"f{number:02}": "there" for number in range(5, 30)}
    found = await find(kept, models, "cats", search=search, names=names)
    assert len(found.page.data) == 10
    assert {result.file_id for result in found.page.data} <= names.keys()
    assert [limit for _, limit in kept.asked[1:]] == [10, 50]


async def test_the_filter_goes_down_to_both_searches(models: Models) -> None:
    kept = Kept("a: cats", "b: cats bark", a={"year": 2023}, b={"year": 2024})
    for mode in ("vector", "keyword", "hybrid"):
        wanted = {"type": "gte", "key": "year", "value": 2024}
        found = await find(kept, models, "cats bark", filters=wanted, search=Search(mode=mode))
        assert texts(found) == ["cats bark"]


async def test_a_filter_that_nothing_satisfies_asks_nobody(models: Models) -> None:
    kept = Kept(*PETS)
    found = await find(kept, models, "cats", filters={"type": "or", "filters": []})
    assert (found.page.data, kept.asked, models.calls) == ([], [], [])


async def test_a_store_without_vectors_has_nothing_to_find(models: Models) -> None:
    kept = Kept(*PETS)
    found = await find(kept, models, "cats", dimensions=None)
    assert (found.page.data, kept.asked, models.calls) == ([], [], [])


async def test_chunks_of_files_that_are_gone_make_room_for_others(models: Models) -> None:
    kept = Kept("gone: cats cats", "left: cats")
    found = await find(kept, models, "cats", names={"left": "left.md"}, max_num_results=1)
    assert [(result.file_id, result.filename) for result in found.page.data] == [("left", "left.md")]


async def test_each_of_several_queries_has_its_best_first(models: Models) -> None:
    found = await find(Kept(*PETS), models, ["cats", "a word of boats"], max_num_results=2)
    assert found.page.search_query == ["cats", "a word of boats"]
    assert set(texts(found)) == {"cats and cats", "a word of boats"}
    assert scores(found) == [1, 1]


# Rewriting


async def test_a_question_is_rewritten_by_a_model(models: Models) -> None:
    models.chat = said('"dogs bark"\n\n  boats \nboats\n')
    found = await find(Kept(*PETS), models, "Please tell me?", rewrite_query=True, search=Search(rewriter="talker"))
    assert found.page.search_query == ["dogs bark", "boats"]
    assert found.dropped == ()
    assert texts(found)[0] in ("dogs that bark", "a word of boats")
    operation, asked, caller, cause = models.calls[0]
    assert (operation, asked["model"], caller, cause) == ("chat", "talker", ANYBODY, "search")
    assert asked["messages"][-1] == {"role": "user", "content": "Please tell me?"}


async def test_a_model_that_says_nothing_leaves_the_question_as_it_was(models: Models) -> None:
    models.chat = said(" \n ")
    found = await find(Kept(*PETS), models, "cats", rewrite_query=True, search=Search(rewriter="talker"))
    assert found.page.search_query == ["cats"]


async def test_a_model_that_talks_on_is_cut(models: Models) -> None:
    models.chat = said("\n".join(f"query {number} {'x' * 900}" for number in range(50)))
    found = await find(Kept(*PETS), models, "cats", rewrite_query=True, search=Search(rewriter="talker"))
    assert len(found.page.search_query) == 4
    assert all(len(query) <= 512 for query in found.page.search_query)


async def test_without_a_rewriter_the_wish_is_reported_as_dropped(models: Models) -> None:
    found = await find(Kept(*PETS), models, "cats", rewrite_query=True)
    assert found.dropped == ("rewrite_query",)
    assert found.page.search_query == ["cats"]


# Ranking anew


def ranked(*scores: float) -> Any:
    return lambda asked: {"results": [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]}


async def test_a_reranker_decides_the_order_and_the_scores(models: Models) -> None:
    models.rerank = lambda asked: {
        "results": [
            {"index": index, "relevance_score": 0.9 if "tree" in text else 0.2}
            for index, text in enumerate(asked["documents"])
        ]
    }
    found = await find(Kept(*PETS), models, "dogs bark", search=Search(reranker="judge"))
    assert texts(found)[0] == "bark of a tree"
    assert scores(found)[:2] == [0.9, 0.2]
    operation, asked, _, cause = models.calls[-1]
    assert (operation, asked["model"], asked["query"], cause) == ("rerank", "judge", "dogs bark", "search")


async def test_a_threshold_counts_for_the_rerankers_scores(models: Models) -> None:
    models.rerank = ranked(0.4, 0.6)
    options = {"score_threshold": 0.5}
    found = await find(Kept("a: cats", "b: cats too"), models, "cats", search=Search(reranker="j"),
                       ranking_options=options)  # fmt: skip
    assert scores(found) == [0.6]


async def test_ranker_none_leaves_the_fused_order(models: Models) -> None:
    found = await find(
        Kept(*PETS), models, "dogs bark", search=Search(reranker="j"), ranking_options={"ranker": "none"}
    )
    assert "rerank" not in models.operations
    assert texts(found)[0] == "dogs that bark"


async def test_scores_without_bounds_are_brought_between_0_and_1(models: Models) -> None:
    models.rerank = ranked(-4.0, 900.0)
    found = await find(Kept("a: cats", "b: cats too"), models, "cats", search=Search(reranker="j"))
    assert scores(found) == [pytest.approx(1), pytest.approx(0.018, abs=0.001)]


async def test_texts_that_the_reranker_left_out_are_last(models: Models) -> None:
    models.rerank = lambda asked: {
        "results": [{"index": 1, "relevance_score": 0.1}, {"index": 7, "relevance_score": 1}]
    }
    found = await find(Kept("a: cats", "b: cats too"), models, "cats", search=Search(reranker="j"))
    assert scores(found) == [0.1, 0]


# Faults


async def test_a_model_that_does_not_embed_fails_the_search_and_says_so(models: Models) -> None:
    def fail(asked: Any) -> Any:
        raise UpstreamError("Come back later.", status=429, code="rate_limited", retry_after=3, raw=b'{"error": {}}')

    models.embeddings = fail
    with pytest.raises(GatewayError) as raised:
        await find(Kept(*PETS), models, "cats")
    error = raised.value
    assert (error.status, error.code, error.retry_after) == (429, "rate_limited", 3)
    assert error.message == "The query could not be embedded by the model 'meaning': Come back later."
    assert b"could not be embedded" in error.body()


async def test_words_alone_are_found_while_no_model_embeds(models: Models) -> None:
    def fail(asked: Any) -> Any:
        raise UpstreamError("Down.")

    models.embeddings = fail
    options = {"hybrid_search": {"embedding_weight": 0, "text_weight": 1}}
    assert texts(await find(Kept(*PETS), models, "cats", ranking_options=options)) == ["cats and cats"]


async def test_a_backend_that_does_not_answer_fails_the_search_and_says_so(models: Models) -> None:
    kept = Kept(*PETS)
    kept.fault = "The vector backend db does not answer."
    with pytest.raises(Unavailable) as raised:
        await find(kept, models, "cats")
    assert (raised.value.status, raised.value.code) == (503, "vector_backend_unavailable")
    assert "The vector backend db does not answer." in raised.value.message


async def test_what_else_is_under_way_ends_with_a_search_that_fails(models: Models) -> None:
    def fail(asked: Any) -> Any:
        raise BadRequest("No.", param="input")

    models.embeddings = fail
    kept = Kept(*PETS)
    kept.slow = asyncio.Event()
    with pytest.raises(BadRequest) as raised:
        await find(kept, models, "cats")
    assert raised.value.param is None
    assert kept.ended == len(kept.asked)


async def test_a_client_that_leaves_ends_what_is_under_way(models: Models) -> None:
    kept = Kept(*PETS)
    kept.slow = asyncio.Event()
    task = asyncio.create_task(find(kept, models, "cats"))
    await asyncio.wait_for(kept.is_matching.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept.ended == 1


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("embeddings", {"data": []}, "does not have one vector"),
        ("embeddings", {"data": [{"index": 0, "embedding": [1.0, 0.0]}]}, "have not the 3 dimensions"),
        ("chat", b"<html>", "could not be rewritten by the model 'm': its answer has no text"),
        ("rerank", b'{"scores": []}', "could not be put in order by the model 'm': its answer has no results"),
    ],
)
async def test_an_answer_that_is_none_is_said_to_be_that(
    models: Models, operation: str, answer: Any, said: str
) -> None:
    setattr(models, operation, lambda asked: answer)
    search = Search(rewriter="m" if operation == "chat" else None, reranker="m" if operation == "rerank" else None)
    with pytest.raises(UpstreamError, match=said):
        await find(Kept(*PETS), models, "cats", search=search, rewrite_query=operation == "chat")


async def test_vectors_of_many_dimensions_are_read_beside_the_loop(models: Models) -> None:
    long = [0.0] * 20_000
    models.embeddings = lambda asked: {"data": [{"index": 0, "embedding": [1.0, *long]}], "model": "m"}
    with pytest.raises(UpstreamError, match="have not the 3 dimensions") as raised:
        await find(Kept(*PETS), models, "cats")
    assert raised.value.code == "dimensions_differ"
