"""The hub of rerank: requests read strictly, answers written in Cohere's form."""

import json
from typing import Any

import cohere
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.wire.errors import BadRequest
from adapters.wire.rerank import Document, Ranked, RerankRequest, read_rerank, write_rerank
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request

TEXTS = ["Paris is in France", "Ruby is a language", "Rails is for Ruby"]


def asked(**fields: Any) -> RerankRequest:
    return read_rerank(request(**{"query": "ruby", "documents": TEXTS, **fields}))


def answer(results: list[Ranked], wanted: RerankRequest, **further: Any) -> Any:
    return json.loads(write_rerank(results, wanted, "ranker", **further))


def test_a_request_is_read_whole() -> None:
    documents = ["one", {"text": "two"}]
    read = asked(documents=documents, top_n=1, return_documents=True, max_tokens_per_doc=9, truncation=True)
    assert read == RerankRequest(
        query="ruby",
        documents=["one", "two"],
        top_n=1,
        return_documents=True,
        max_tokens_per_doc=9,
        extra={"truncation": Raw(b"true")},
        unknown=[],
    )


def test_nulls_say_nothing() -> None:
    assert asked(top_n=None, return_documents=None, max_tokens_per_doc=None) == asked()


def test_members_beside_the_text_are_told_by_their_paths() -> None:
    assert asked(documents=["one", {"text": "two", "title": "Two"}]).unknown == ["documents[1].title"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": 5}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "text"}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"documents": ["a", {"image": "a"}]}, "documents[1].text"),
        ({"documents": ["a", {"text": 5}]}, "documents[1].text"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "3"}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"max_tokens_per_doc": -1}, "max_tokens_per_doc"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize("name", ["query", "documents"])
def test_what_is_missing_is_named(name: str) -> None:
    fields = {"query": "ruby", "documents": TEXTS}
    del fields[name]
    with pytest.raises(BadRequest) as refused:
        read_rerank(request(**fields))
    assert (refused.value.param, refused.value.code) == (name, "missing_required_parameter")


def test_results_come_best_first_and_no_more_than_were_asked_for() -> None:
    told = answer([Ranked(0, 0.1), Ranked(1, 0.9), Ranked(2, 0.5)], asked(top_n=2))
    assert told["results"] == [{"index": 1, "relevance_score": 0.9}, {"index": 2, "relevance_score": 0.5}]


def test_texts_come_back_where_the_client_wants_them() -> None:
    told = answer([Ranked(1, 0.9), Ranked(0, 0.5, Document("given"))], asked(return_documents=True))
    assert [result["document"] for result in told["results"]] == [{"text": TEXTS[1]}, {"text": "given"}]


def test_a_place_that_is_none_has_no_text() -> None:
    told = answer([Ranked(7, 0.9), Ranked(-1, 0.5)], asked(return_documents=True))
    assert told["results"] == [{"index": 7, "relevance_score": 0.9}, {"index": -1, "relevance_score": 0.5}]


def test_what_a_service_tells_goes_along() -> None:
    meta = {"billed_units": {"search_units": 1}}
    told = answer([Ranked(0, 0.5, relevant_spans=Raw(b"[7]"))], asked(), id="r1", usage=Usage(7), meta=meta)
    assert told == {
        "id": "r1",
        "model": "ranker",
        "results": [{"index": 0, "relevance_score": 0.5, "relevant_spans": [7]}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
        "meta": meta,
    }


def test_an_answer_has_an_id_of_its_own() -> None:
    first, second = answer([], asked()), answer([], asked())
    assert first["id"] != second["id"]
    assert first.keys() == {"id", "model", "results"}


def test_coheres_sdk_reads_an_answer() -> None:
    told = answer([Ranked(0, 0.1), Ranked(1, 0.9)], asked(), meta={"billed_units": {"search_units": 1}})
    read = cohere.V2RerankResponse.model_validate(told)
    assert [(result.index, result.relevance_score) for result in read.results] == [(1, 0.9), (0, 0.1)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.integers(1, 5))
def test_any_scores_are_sorted_and_cut(scores: list[float], top_n: int) -> None:
    told = answer([Ranked(place, score) for place, score in enumerate(scores)], asked(top_n=top_n))
    assert [result["relevance_score"] for result in told["results"]] == sorted(scores, reverse=True)[:top_n]
    assert all(scores[result["index"]] == result["relevance_score"] for result in told["results"])
