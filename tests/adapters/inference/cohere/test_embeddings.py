"""Embeddings from Cohere."""

import base64
import json
import struct
from typing import Any

import cohere
import pytest

from adapters.inference.cohere import ADAPTER
from adapters.inference.contract import Answer
from adapters.wire.errors import BadRequest, UnsupportedParameter, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

EMBED = ADAPTER.codecs["embeddings"]
VECTORS = {"float": [[0.5, -1.0], [0.25, 2.0]], "int8": [[1, -2], [3, 4]]}


def sent(**fields: Any) -> Any:
    return json.loads(EMBED.encode(request(**{"input": ["a", "b"], **fields}), target()).body)


def decoded(told: Any, **fields: Any) -> Answer:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return EMBED.decode(raw, target(), request(**{"input": ["a", "b"], **fields}))


def answer(**meta: Any) -> dict[str, Any]:
    return {"id": "e1", "embeddings": VECTORS, "texts": ["a", "b"], "meta": meta}


def test_requests_go_to_version_2() -> None:
    assert EMBED.url(target(base_url=None), request()) == "https://api.cohere.com/v2/embed"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {}),
        ({"input": "a"}, {"texts": ["a"]}),
        ({"dimensions": 256}, {"output_dimension": 256}),
        ({"encoding_format": "base64"}, {}),
        ({"input_type": "search_query"}, {"input_type": "search_query"}),
        ({"input_type": None}, {}),
        ({"truncate": "NONE", "max_tokens": 9, "priority": 1}, {"truncate": "NONE", "max_tokens": 9, "priority": 1}),
        ({"embedding_types": ["int8"]}, {"embedding_types": ["int8"]}),
        ({"cohere": {"input_type": "clustering"}, "input_type": "search_query"}, {"input_type": "clustering"}),
        ({"cohere": {"embedding_types": ["int8"]}}, {"embedding_types": ["int8"]}),
    ],
)
def test_fields_have_coheres_names(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    plain = {
        "model": "upstream-model",
        "input_type": "search_document",
        "embedding_types": ["float"],
        "texts": ["a", "b"],
    }
    assert sent(**asked) == plain | expected


def test_what_can_not_be_expressed_is_reported_or_refused() -> None:
    asked = request(input="a", user="u", surprise=1)
    assert EMBED.encode(asked, target()).dropped == ("user=unsupported", "surprise=unknown")
    with pytest.raises(UnsupportedParameter):
        EMBED.encode(asked, target(on_unsupported="refuse"))


def test_what_the_operator_calls_unsupported_is_left_out() -> None:
    encoded = EMBED.encode(request(input="a", dimensions=5), target(unsupported=["dimensions"]))
    assert encoded.dropped == ("dimensions=unsupported",)
    assert "output_dimension" not in json.loads(encoded.body)


@pytest.mark.parametrize("name", ["model", "texts"])
def test_what_was_judged_can_not_be_changed_by_an_extra(name: str) -> None:
    with pytest.raises(BadRequest):
        sent(cohere={name: "x"})


@pytest.mark.parametrize("types", [["float", "int8"], [], ["base64"], "float"])
def test_an_answer_has_one_type_of_numbers(types: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        sent(embedding_types=types)
    assert refused.value.param == "embedding_types"


@pytest.mark.parametrize(("row", "most"), [({}, 96), ({"embeddings": {"max_inputs": 5}}, 5)])
def test_a_request_has_no_more_inputs_than_cohere_takes(row: dict[str, Any], most: int) -> None:
    assert EMBED.most_inputs(target(**row)) == most


def test_vectors_come_in_openais_form() -> None:
    told = decoded(answer(billed_units={"input_tokens": 4}))
    assert told.usage == Usage(4)
    assert json.loads(told.body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25, 2.0]},
        ],
        "model": "upstream-model",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


def test_vectors_come_as_base64_where_that_is_wanted() -> None:
    first = json.loads(decoded(answer(), encoding_format="base64").body)["data"][0]["embedding"]
    assert struct.unpack("<2f", base64.b64decode(first)) == (0.5, -1.0)


def test_vectors_of_another_type_come_as_numbers() -> None:
    told = json.loads(decoded(answer(), embedding_types=["int8"]).body)
    assert [each["embedding"] for each in told["data"]] == VECTORS["int8"]


@pytest.mark.parametrize(
    ("meta", "usage"),
    [
        ({"tokens": {"input_tokens": 9}, "billed_units": {"input_tokens": 4}}, Usage(9)),
        ({"billed_units": {"input_tokens": 4, "image_tokens": 2}}, Usage(6)),
        ({}, None),
    ],
)
def test_tokens_are_those_that_were_used(meta: dict[str, Any], usage: Usage | None) -> None:
    assert decoded(answer(**meta)).usage == usage


@pytest.mark.parametrize(
    "told", [b"<html>", {}, {"embeddings": [[1.0]]}, {"embeddings": {"int8": [[1]]}}, {"embeddings": {"float": None}}]
)
def test_what_is_no_answer_is_an_error(told: Any) -> None:
    with pytest.raises(UpstreamError):
        decoded(told)


def test_an_answer_without_meta_has_no_usage() -> None:
    assert decoded({"embeddings": VECTORS}).usage is None


def test_the_sdk_reads_the_answers_that_are_tested_with() -> None:
    told = cohere.EmbedByTypeResponse.model_validate(answer(billed_units={"input_tokens": 4}))
    assert told.embeddings.float_ == VECTORS["float"]
