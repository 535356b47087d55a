"""A real embedding model in its process, asked as the gateway asks it."""

import asyncio
import base64
import math
import struct
from typing import Any

import pytest

from adapters.wire.errors import UpstreamError
from tests.adapters.inference.local.asking import Model

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def vectors(embedder: Model, input: Any, **fields: Any) -> list[list[float]]:
    told = await embedder.ask("embeddings", input=input, **fields)
    assert [item["index"] for item in told["data"]] == list(range(len(told["data"])))
    return [item["embedding"] for item in told["data"]]


def similarity(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_related_texts_are_closer_than_others(embedder: Model) -> None:
    pairs = [
        ("How do I reset my password?", "I forgot my login and need a new one."),
        ("The cat sleeps on the sofa.", "A kitten naps on the couch."),
        ("Stock markets fell sharply today.", "Shares dropped on the exchange."),
    ]
    asked = await vectors(embedder, [one for one, _ in pairs])
    found = await vectors(embedder, [other for _, other in pairs])
    for row, one in enumerate(asked):
        closest = max(range(len(found)), key=lambda place: similarity(one, found[place]))
        assert closest == row


async def test_vectors_have_384_dimensions_and_length_one(embedder: Model) -> None:
    (vector,) = await vectors(embedder, "Hello")
    assert len(vector) == 384
    assert math.isclose(similarity(vector, vector), 1, abs_tol=1e-5)


async def test_base64_holds_the_same_numbers(embedder: Model) -> None:
    (plain,) = await vectors(embedder, "Hello")
    told = await embedder.ask("embeddings", input="Hello", encoding_format="base64")
    packed = base64.b64decode(told["data"][0]["embedding"])
    assert list(struct.unpack("<384f", packed)) == plain


async def test_texts_of_any_length_keep_their_order_and_their_vectors(embedder: Model) -> None:
    texts = [("word " * length).strip() for length in (90, 1, 30, 2, 200, 7)] * 8
    together = await vectors(embedder, texts)
    for place in (0, 1, 4, 47):
        (alone,) = await vectors(embedder, texts[place])
        assert similarity(alone, together[place]) > 0.97  # int8 weights: a batch's scale moves values a little


async def test_tokens_are_counted(embedder: Model) -> None:
    answer = await embedder.answer("embeddings", input=["Hello world", "Hello"])
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 7  # two and one words, and a mark before and after each text


async def test_token_ids_are_those_of_openais_embedding_models(embedder: Model) -> None:
    hello_world = [9906, 1917]
    expected = await vectors(embedder, "Hello world")
    assert await vectors(embedder, hello_world) == expected
    assert await vectors(embedder, [hello_world]) == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [10**9]}, "input"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"input": "word " * 600}, "input"),
        ({}, "input"),
        ({"input": "a", "dimensions": 256}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ],
)
async def test_what_can_not_be_embedded_is_refused_by_name(embedder: Model, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await embedder.send("embeddings", **fields)
    assert (caught.value.status, caught.value.param) == (400, param)


async def test_its_own_number_of_dimensions_may_be_asked_for(embedder: Model) -> None:
    (vector,) = await vectors(embedder, "Hello", dimensions=384)
    assert len(vector) == 384


async def test_other_operations_are_refused(embedder: Model) -> None:
    with pytest.raises(UpstreamError) as caught:
        await embedder.send("chat", messages=[{"role": "user", "content": "Hi"}])
    assert caught.value.status == 404


async def test_it_answers_others_while_it_computes(embedder: Model) -> None:
    long = asyncio.create_task(vectors(embedder, ["word " * 300] * 100))
    await asyncio.sleep(0.2)
    await vectors(embedder, "Hello")
    assert not long.done()
    long.cancel()
    await asyncio.gather(long, return_exceptions=True)
