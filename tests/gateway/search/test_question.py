"""A search request as clients write it."""

from typing import Any

import msgspec
import pytest

from adapters.wire.errors import BadRequest
from gateway.search.question import Question, Weights, question_of, read_question


def refused(**asked: Any) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        question_of(asked)
    return raised.value


def test_what_is_not_said_is_as_openai_has_it() -> None:
    assert question_of({"query": "cats"}) == Question(queries=("cats",))
    asked = Question(queries=("cats",))
    assert (asked.limit, asked.rewrite, asked.threshold, asked.reranked) == (10, False, 0, True)


def test_everything_can_be_said() -> None:
    asked = {
        "query": ["cats", "dogs"],
        "rewrite_query": True,
        "max_num_results": 50,
        "ranking_options": {
            "ranker": "none",
            "score_threshold": 0.5,
            "hybrid_search": {"embedding_weight": 2, "text_weight": 0.5},
        },
    }
    assert question_of(asked) == Question(
        queries=("cats", "dogs"), rewrite=True, limit=50, reranked=False, threshold=0.5, weights=Weights(2, 0.5)
    )
    assert question_of({"query": "q", "ranking_options": {"ranker": "default-2024-11-15"}}).reranked


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "query"),
        ({"query": 5}, "query"),
        ({"query": ["a", 5]}, "query[1]"),
        ({"query": "a", "rewrite_query": "yes"}, "rewrite_query"),
        ({"query": "a", "max_num_results": 0}, "max_num_results"),
        ({"query": "a", "max_num_results": 51}, "max_num_results"),
        ({"query": "a", "max_num_results": 5.5}, "max_num_results"),
        ({"query": "a", "max_num_results": "5"}, "max_num_results"),
        ({"query": "a", "ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
        ({"query": "a", "ranking_options": {"score_threshold": 1.1}}, "ranking_options.score_threshold"),
        ({"query": "a", "ranking_options": {"hybrid_search": {"text_weight": 1}}},
         "ranking_options.hybrid_search.embedding_weight"),
        ({"query": "a", "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}},
         "ranking_options.hybrid_search"),
        ({"query": "a", "ranking_options": {"hybrid_search": {"embedding_weight": -1, "text_weight": 0}}},
         "ranking_options.hybrid_search.embedding_weight"),
        ({"query": "a", "filters": None}, "filters"),
        ({"query": ""}, "query"),
        ({"query": []}, "query"),
        ({"query": ["a", " "]}, "query"),
        ({"query": ["a"] * 17}, "query"),
        ({"query": "a" * 32_769}, "query"),
        ({"query": "a", "maxresults": 5}, "maxresults"),
        ({"query": "a", "ranking_options": {"mode": "x"}}, "ranking_options.mode"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(asked: dict[str, Any], param: str) -> None:
    error = refused(**asked)
    assert error.param == param
    assert param in error.message


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert question_of({"query": "a", "max_num_results": 5.0}).limit == 5


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 2_000, b'"\\ud800"', b"[]", b"null"])
def test_a_body_that_is_no_search_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_question(body)


def test_a_body_is_read() -> None:
    assert read_question(msgspec.json.encode({"query": "cats"})).queries == ("cats",)
