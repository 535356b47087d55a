"""Rerank at providers of OpenAI's dialect, each with its own form of an answer."""

import json
from typing import Any

import pytest

from adapters.inference.contract import Answer
from adapters.inference.openai import ADAPTER
from adapters.wire.errors import UnsupportedParameter, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target
from tests.recordings import Recording, params

PROVIDERS = ("voyage", "together", "openrouter", "vllm")
RERANK = ADAPTER.codecs["rerank"]
VOYAGE: dict[str, Any] = {"rename": {"top_n": "top_k"}, "unsupported": ["max_tokens_per_doc"]}


def decoded(told: Any, **asked: Any) -> Answer:
    fields = {"query": "q", "documents": ["a", "b", "c"], **asked}
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return RERANK.decode(raw, target(), request(**fields))


def results(told: Any, **asked: Any) -> Any:
    return json.loads(decoded(told, **asked).body)["results"]


def test_the_request_goes_to_its_own_path() -> None:
    assert RERANK.url(target(), request()) == "http://provider.test/v1/rerank"


def test_a_request_goes_on_as_it_is_but_for_the_model() -> None:
    fields = {"query": "q", "documents": ["a", {"image": "b"}], "top_n": 1, "instruction": "i"}
    encoded = RERANK.encode(request(**fields), target())
    assert json.loads(encoded.body) == {"model": "upstream-model", **fields}
    assert encoded.dropped == ()


def test_a_request_has_the_providers_names() -> None:
    encoded = RERANK.encode(request(query="q", documents=["a"], top_n=1, max_tokens_per_doc=5), target(**VOYAGE))
    assert json.loads(encoded.body) == {"model": "upstream-model", "query": "q", "documents": ["a"], "top_k": 1}
    assert encoded.dropped == ("max_tokens_per_doc=unsupported",)


def test_what_a_provider_can_not_take_is_refused_where_that_is_wanted() -> None:
    with pytest.raises(UnsupportedParameter):
        RERANK.encode(request(max_tokens_per_doc=5), target(**VOYAGE, on_unsupported="refuse"))


def test_the_recorded_request_of_voyages_sdk_is_what_goes_out() -> None:
    for case in params(providers=["voyage"], operations=["rerank"]):
        recording = case.values[0]
        if recording is None:
            pytest.skip("no recordings")
        sent = dict(recording.request)
        sent["top_n"] = sent.pop("top_k")
        encoded = RERANK.encode(request(**sent), target(sent["model"], **VOYAGE))
        assert json.loads(encoded.body) == recording.request


@pytest.mark.parametrize("recording", params(providers=PROVIDERS, operations=["rerank"]))
def test_recorded_answers_have_the_form_of_the_hub(recording: Recording) -> None:
    told = recording.answer.get("results") or recording.answer["data"]
    answer = decoded(recording.answer)
    shown = json.loads(answer.body)
    assert [(result["index"], result["relevance_score"]) for result in shown["results"]] == [
        (result["index"], result["relevance_score"]) for result in told
    ]
    assert [result.get("document") for result in shown["results"]] == [
        result.get("document") or None for result in told
    ]
    assert {name: value for name, value in shown.items() if name != "results"} == {
        name: value for name, value in recording.answer.items() if name not in ("results", "data")
    }
    assert answer.usage == Usage(recording.answer["usage"]["total_tokens"])


def test_an_answer_in_the_usual_form_goes_back_byte_for_byte() -> None:
    raw = (
        b'{ "results": [{"index":1, "relevance_score":0.9, "document":{"text":"b"}}, {"index":0, "relevance_score":0}]}'
    )
    assert decoded(raw) == Answer(raw, None)


def test_results_under_another_name_and_texts_as_strings_are_brought_into_form() -> None:
    told = {"object": "list", "data": [{"index": 0, "relevance_score": 0.5, "document": "a", "further": 1}]}
    assert json.loads(decoded(told).body) == {
        "object": "list",
        "results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}, "further": 1}],
    }


def test_a_score_under_another_name_is_brought_into_form() -> None:
    assert results({"results": [{"index": 0, "score": 0.5}]}) == [{"index": 0, "relevance_score": 0.5}]


@pytest.mark.parametrize("nothing", [{}, "", None])
def test_an_empty_text_is_left_out(nothing: Any) -> None:
    told = [{"index": 1, "relevance_score": 0.4}, {"index": 0, "relevance_score": 0.5, "document": nothing}]
    assert results({"results": told}) == [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 0.4}]


def test_texts_keep_the_members_they_have() -> None:
    told = [{"index": 0, "score": 0.5, "document": {"text": "a", "id": 7}}]
    assert results({"results": told})[0]["document"] == {"text": "a", "id": 7}


def test_results_are_sorted_and_cut_where_the_provider_does_not() -> None:
    told = {"results": [{"index": place, "relevance_score": score} for place, score in enumerate((0.1, 0.9, 0.5))]}
    assert [result["index"] for result in results(told, top_n=2)] == [1, 2]


@pytest.mark.parametrize("top_n", [None, 0, -1, "2", {}])
def test_a_number_of_results_that_is_none_cuts_nothing(top_n: Any) -> None:
    told = {"results": [{"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": 0.1}]}
    assert len(results(told, top_n=top_n)) == 2


@pytest.mark.parametrize(
    "told",
    [
        {"id": "r"},
        {"results": None},
        {"results": [{"relevance_score": 0.5}]},
        {"results": [{"index": 0}]},
        {"error": {"message": "no"}},
        b"<html>",
    ],
)
def test_what_is_no_answer_is_an_error_of_the_provider(told: Any) -> None:
    with pytest.raises(UpstreamError):
        decoded(told)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"total_tokens": 9}, Usage(9)),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8)),
        ({"search_units": 1}, None),
        ([], None),
        (None, None),
    ],
)
def test_tokens_are_the_prompts(usage: Any, read: Usage | None) -> None:
    assert decoded({"results": [], "usage": usage}).usage == read
