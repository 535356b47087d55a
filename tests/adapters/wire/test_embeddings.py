import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.wire.embeddings import join_answers, read_embeddings, split_inputs, write_embeddings
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request


def inputs_of(parts: list[Any]) -> list[Any]:
    return [json.loads(bytes(part.fields["input"])) for part in parts]


@pytest.mark.parametrize(("given", "texts"), [("one", ["one"]), (["one", "two"], ["one", "two"])])
def test_a_text_and_an_array_of_texts_are_read(given: Any, texts: list[str]) -> None:
    asked = read_embeddings(request(input=given, dimensions=3, encoding_format="base64"))
    assert (asked.texts, asked.dimensions, asked.as_base64) == (texts, 3, True)


@pytest.mark.parametrize("told", [{"input": []}, {"input": ""}, {}])
def test_no_input_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="must provide an 'input'") as caught:
        read_embeddings(request(**told))
    assert caught.value.param == "input"


@pytest.mark.parametrize("ids", [[1, 2], [[1], [2]], ["text", 3]])
def test_token_ids_are_refused_where_text_is_needed(ids: list[Any]) -> None:
    with pytest.raises(BadRequest, match="takes text only"):
        read_embeddings(request(input=ids))


def test_an_encoding_that_is_neither_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as caught:
        read_embeddings(request(input="a", encoding_format="int8"))
    assert caught.value.param == "encoding_format"


def test_vectors_are_numbered_in_the_order_of_their_inputs() -> None:
    told = json.loads(write_embeddings([[0.5], Raw(b"[1, 2]")], "m", Usage(7), as_base64=False))
    assert told == {
        "object": "list",
        "model": "m",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5]},
            {"object": "embedding", "index": 1, "embedding": [1, 2]},
        ],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_base64_holds_floats_of_32_bits_lowest_byte_first() -> None:
    told = json.loads(write_embeddings([Raw(b"[0.5,-2]")], "m", None, as_base64=True))
    assert struct.unpack("<2f", base64.b64decode(told["data"][0]["embedding"])) == (0.5, -2.0)


@pytest.mark.parametrize("vector", [Raw(b'"text"'), Raw(b"[null]"), Raw(b"[1e39]"), ["text"], None])
def test_a_vector_that_is_none_is_the_providers_fault(vector: Any) -> None:
    with pytest.raises(UpstreamError, match="no list of numbers"):
        write_embeddings([vector], "m", None, as_base64=True)


@given(st.lists(st.text(max_size=4) | st.lists(st.integers(0, 9), max_size=2), min_size=1), st.integers(1, 5))
def test_parts_hold_every_input_once_in_order(inputs: list[Any], most: int) -> None:
    parts = split_inputs(request(input=inputs), most)
    assert [one for part in inputs_of(parts) for one in part] == inputs
    assert all(len(part) <= most for part in inputs_of(parts))


@pytest.mark.parametrize("given", ["a long text", [1, 2, 3, 4]])
def test_a_single_input_is_never_cut(given: Any) -> None:
    body = request(input=given)
    assert split_inputs(body, 1) == [body]


def test_parts_keep_the_other_fields() -> None:
    (first, _) = split_inputs(request(input=["a", "b"], dimensions=8, user="me"), 1)
    assert {name: bytes(value) for name, value in first.fields.items()} == {
        "model": b'"route"',
        "input": b'["a"]',
        "dimensions": b"8",
        "user": b'"me"',
    }


def test_answers_are_joined_and_counted_through() -> None:
    parts = [{"data": [{"index": 0, "embedding": [n], "own": True}], "model": "m"} for n in range(2)]
    told = json.loads(join_answers([json.dumps(part).encode() for part in parts], Usage(4)))
    assert [item["index"] for item in told["data"]] == [0, 1]
    assert [item["embedding"] for item in told["data"]] == [[0], [1]]
    assert (told["model"], told["data"][0]["own"]) == ("m", True)
    assert told["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_a_part_without_vectors_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamError, match="no embeddings"):
        join_answers([b"{}"], None)
