"""Inputs and vectors of embeddings one by one, as a cache needs them."""

from typing import Any

import msgspec
import pytest

from adapters.wire.body import parse
from adapters.wire.embeddings import read_inputs, read_vectors, write_vectors


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        ("a", [b'"a"']),
        (["a", "é"], [b'"a"', '"é"'.encode()]),
        ([1, 2], [b"[1,2]"]),
        ([[1], [2, 3]], [b"[1]", b"[2,3]"]),
        ([], []),
        (["a", 1], None),
        (["a", [1]], None),
        ({"text": "a"}, None),
        (None, None),
    ],
)
def test_inputs_are_told_apart(inputs: Any, read: list[bytes] | None) -> None:
    assert read_inputs(parse(msgspec.json.encode({"model": "m", "input": inputs}))) == read


def test_without_an_input_there_is_nothing_to_tell_apart() -> None:
    assert read_inputs(parse(b'{"model":"m"}')) is None


def an_answer(*items: tuple[int, Any], **further: Any) -> bytes:
    data = [{"index": index, "embedding": embedding} for index, embedding in items]
    return msgspec.json.encode({"data": data, **further})


def test_vectors_are_read_in_the_order_of_the_inputs() -> None:
    assert read_vectors(an_answer((1, "AAA="), (0, [0.5]), model="e")) == ([b"[0.5]", b'"AAA="'], b'"e"')


@pytest.mark.parametrize(
    "answer", [b"", b"{}", an_answer((1, [1])), an_answer((0, [1]), (0, [2])), an_answer((0, None)), b"\xff"]
)
def test_what_has_no_vectors_has_none(answer: bytes) -> None:
    assert read_vectors(answer) is None


def test_vectors_are_written_as_they_were() -> None:
    written = msgspec.json.decode(write_vectors([b"[0.50]", b'"AAA="'], b'"e"', 7))
    assert [item["embedding"] for item in written["data"]] == [[0.5], "AAA="]
    assert (written["model"], written["usage"]["total_tokens"]) == ("e", 7)
