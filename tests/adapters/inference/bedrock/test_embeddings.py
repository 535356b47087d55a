"""Embeddings and rerank over InvokeModel."""

import json
from typing import Any

import pytest

from adapters.inference.bedrock import ADAPTER
from adapters.inference.contract import Encoded
from adapters.wire.body import Body, parse
from adapters.wire.errors import BadRequest, UpstreamError
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import target

TITAN_1 = "amazon.titan-embed-text-v1"
TITAN_2 = "amazon.titan-embed-text-v2:0"
TITAN_IMAGE = "amazon.titan-embed-image-v1"
COHERE_3 = "cohere.embed-english-v3"
COHERE_4 = "us.cohere.embed-v4:0"
CODEC = ADAPTER.codecs["embeddings"]
RERANK = ADAPTER.codecs["rerank"]


def asked(**fields: Any) -> Body:
    return parse(json.dumps({"model": "route", **fields}).encode())


def encode(model: str, **fields: Any) -> Encoded:
    return CODEC.encode(asked(**{"input": "Hi", **fields}), target(model))


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (TITAN_1, {}, {"inputText": "Hi"}),
        (TITAN_2, {"dimensions": 256, "normalize": False}, {"inputText": "Hi", "dimensions": 256, "normalize": False}),
        (TITAN_IMAGE, {}, {"inputText": "Hi"}),
        (
            TITAN_IMAGE,
            {"dimensions": 384},
            {"inputText": "Hi", "embeddingConfig": {"outputEmbeddingLength": 384}},
        ),
        (COHERE_3, {"input": ["a", "b"]}, {"texts": ["a", "b"], "input_type": "search_document"}),
        (
            COHERE_4,
            {"dimensions": 512, "input_type": "search_query", "truncate": "END", "normalize": None},
            {"texts": ["Hi"], "input_type": "search_query", "truncate": "END", "output_dimension": 512},
        ),
        (TITAN_2, {"bedrock": {"embeddingTypes": ["float"]}}, {"inputText": "Hi", "embeddingTypes": ["float"]}),
    ],
)
def test_each_maker_is_asked_in_its_own_form(model: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    encoded = encode(model, **fields)
    assert (json.loads(encoded.body), encoded.dropped) == (expected, ())


@pytest.mark.parametrize(
    ("model", "fields", "dropped"),
    [
        (TITAN_1, {"dimensions": 5, "user": "u"}, ("user=unsupported", "dimensions=unsupported")),
        (TITAN_2, {"input_type": "x"}, ("input_type=unsupported",)),
        (COHERE_3, {"dimensions": 5, "normalize": True}, ("dimensions=unsupported", "normalize=unsupported")),
    ],
)
def test_what_a_model_does_not_take_is_reported(model: str, fields: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert encode(model, **fields).dropped == dropped


def test_models_of_other_makers_are_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="twelvelabs"):
        encode("twelvelabs.marengo-embed-2-7-v1:0")


def test_titan_takes_one_text_and_cohere_many() -> None:
    assert [CODEC.most_inputs(target(model)) for model in (TITAN_2, COHERE_4)] == [1, 96]
    with pytest.raises(BadRequest, match="one text"):
        encode(TITAN_2, input=["a", "b"])


def test_of_other_makers_the_configuration_may_know() -> None:
    assert CODEC.most_inputs(target("a.b", embeddings={"max_inputs": 7})) == 7


@pytest.mark.parametrize("model", [TITAN_2, "arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-english-v3"])
def test_the_url_is_the_one_of_the_sdk(model: str) -> None:
    path = CODEC.url(target(model), asked()).partition("amazonaws.com")[2]
    assert path == judge.url_path(model, "InvokeModel")


@pytest.mark.parametrize(
    ("answer", "vectors", "tokens"),
    [
        ({"embedding": [0.5, 1], "inputTextTokenCount": 3}, [[0.5, 1]], 3),
        ({"embeddings": [[0.5], [1]], "response_type": "embeddings_floats"}, [[0.5], [1]], None),
        ({"embeddings": {"float": [[0.5], [1]], "int8": [[1], [2]]}}, [[0.5], [1]], None),
    ],
)
def test_vectors_come_in_openais_form(answer: dict[str, Any], vectors: list[Any], tokens: int | None) -> None:
    decoded = CODEC.decode(json.dumps(answer).encode(), target(TITAN_2), asked())
    assert [each["embedding"] for each in json.loads(decoded.body)["data"]] == vectors
    assert (decoded.usage.prompt_tokens if decoded.usage else None) == tokens


def test_vectors_are_packed_where_the_client_wants_it() -> None:
    decoded = CODEC.decode(b'{"embedding":[1.0]}', target(TITAN_2), asked(encoding_format="base64"))
    assert json.loads(decoded.body)["data"][0]["embedding"] == "AACAPw=="


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"embeddings":{"int8":[[1]]}}', b"\xff"])
def test_an_answer_without_vectors_is_the_providers_fault(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        CODEC.decode(raw, target(COHERE_4), asked())


# Rerank

QUERY = {"query": "Which?", "documents": ["a", {"text": "b"}]}


@pytest.mark.parametrize(
    ("model", "fields", "expected", "dropped"),
    [
        (
            "cohere.rerank-v3-5:0",
            {"top_n": 1, "max_tokens_per_doc": 64},
            {"api_version": 2, "top_n": 1, "max_tokens_per_doc": 64},
            (),
        ),
        ("amazon.rerank-v1:0", {"max_tokens_per_doc": 64}, {}, ("max_tokens_per_doc=unsupported",)),
        (
            "cohere.rerank-v3-5:0",
            {"documents": ["a", {"text": "b", "title": "t"}], "bedrock": {"api_version": 3}},
            {"api_version": 3},
            ("documents[1].title=unknown",),
        ),
    ],
)
def test_rerank_has_coheres_form(
    model: str, fields: dict[str, Any], expected: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    encoded = RERANK.encode(asked(**QUERY | fields), target(model))
    assert json.loads(encoded.body) == {"query": "Which?", "documents": ["a", "b"]} | expected
    assert encoded.dropped == dropped


def test_results_come_best_first_with_their_texts_where_wanted() -> None:
    raw = b'{"results":[{"index":0,"relevance_score":0.1},{"index":1,"relevance_score":0.9}]}'
    answer = RERANK.decode(raw, target(), asked(**QUERY, return_documents=True))
    assert json.loads(answer.body)["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
    ]


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"results":[{"index":0}]}'])
def test_an_answer_without_results_is_the_providers_fault(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        RERANK.decode(raw, target(), asked(**QUERY))
