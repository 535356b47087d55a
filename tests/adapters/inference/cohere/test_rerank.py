"""Rerank by Cohere."""

import inspect
import json
from typing import Any

import cohere
import pytest

from adapters.inference.cohere import ADAPTER
from adapters.inference.contract import Answer
from adapters.wire.errors import BadRequest, UnsupportedParameter, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

RERANK = ADAPTER.codecs["rerank"]
ASKED: dict[str, Any] = {"query": "q", "documents": ["a", {"text": "b"}]}
SENT = {"model": "upstream-model", "query": "q", "documents": ["a", "b"]}
RESULTS = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]


def decoded(told: Any, **fields: Any) -> Answer:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return RERANK.decode(raw, target(), request(**{**ASKED, **fields}))


def test_requests_go_to_version_2() -> None:
    assert RERANK.url(target(base_url=None), request()) == "https://api.cohere.com/v2/rerank"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"top_n": 1, "max_tokens_per_doc": 9}, {"top_n": 1, "max_tokens_per_doc": 9}),
        ({"return_documents": True}, {}),
        ({"priority": 1}, {"priority": 1}),
        ({"cohere": {"max_tokens_per_doc": 5}, "max_tokens_per_doc": 9}, {"max_tokens_per_doc": 5}),
    ],
)
def test_a_request_is_one_that_the_sdk_could_send(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    encoded = RERANK.encode(request(**ASKED, **asked), target())
    body = json.loads(encoded.body)
    assert body == SENT | expected
    assert encoded.dropped == ()
    assert body.keys() <= inspect.signature(cohere.ClientV2.rerank).parameters.keys()


def test_what_can_not_be_expressed_is_reported_or_refused() -> None:
    asked = request(query="q", documents=[{"text": "a", "title": "A"}], rank_fields=["text"])
    assert RERANK.encode(asked, target()).dropped == ("rank_fields=unknown", "documents[0].title=unknown")
    with pytest.raises(UnsupportedParameter):
        RERANK.encode(asked, target(on_unsupported="refuse"))


def test_what_the_operator_calls_unsupported_is_left_out() -> None:
    encoded = RERANK.encode(request(**ASKED, top_n=1), target(unsupported=["top_n"]))
    assert (json.loads(encoded.body), encoded.dropped) == (SENT, ("top_n=unsupported",))


def test_what_was_judged_can_not_be_changed_by_an_extra() -> None:
    with pytest.raises(BadRequest):
        RERANK.encode(request(**ASKED, cohere={"query": "x"}), target())


def test_results_keep_what_cohere_tells() -> None:
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    spans = [{"start": 0, "end": 1}]
    told = decoded({"id": "r1", "results": [RESULTS[0] | {"relevant_spans": spans}], "meta": meta})
    assert told.usage == Usage(searches=1)
    assert json.loads(told.body) == {
        "id": "r1",
        "model": "upstream-model",
        "results": [RESULTS[0] | {"relevant_spans": spans}],
        "meta": meta,
    }


@pytest.mark.parametrize(
    ("meta", "usage"),
    [
        ({"billed_units": {"search_units": 2.0}, "tokens": {"input_tokens": 9}}, Usage(9, searches=2)),
        ({"billed_units": {"search_units": 1.5}}, Usage(searches=2)),
        ({"billed_units": {"search_units": -1}}, None),
        ({"billed_units": {"search_units": 1e300}}, None),
        ({"billed_units": {}}, None),
        ({}, None),
    ],
)
def test_searches_that_are_billed_are_counted(meta: Any, usage: Usage | None) -> None:
    assert decoded({"results": RESULTS, "meta": meta}).usage == usage


def test_texts_are_put_in_where_the_client_wants_them() -> None:
    told = json.loads(decoded({"results": RESULTS, "meta": None}, return_documents=True).body)
    assert [each["document"] for each in told["results"]] == [{"text": "b"}, {"text": "a"}]
    assert "meta" not in told


def test_tokens_count_where_they_are_told() -> None:
    told = decoded({"results": RESULTS, "meta": {"tokens": {"input_tokens": 9}}})
    assert told.usage == Usage(9)
    assert json.loads(told.body)["usage"] == {"prompt_tokens": 9, "total_tokens": 9}


@pytest.mark.parametrize("told", [b"<html>", {}, {"results": [{"index": 0}]}, {"results": RESULTS, "meta": 5}])
def test_what_is_no_answer_is_an_error(told: Any) -> None:
    with pytest.raises(UpstreamError):
        decoded(told)
