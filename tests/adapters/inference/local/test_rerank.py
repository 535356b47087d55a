"""Rerank by the packaged embedding model, asked as the gateway asks it."""

import json
from typing import Any

import pytest
from msgspec import Raw

from adapters.inference.contract import Target
from adapters.inference.local import ADAPTER
from adapters.inference.local.options import LocalOptions
from adapters.wire.errors import BadRequest, UnsupportedParameter, UpstreamError
from config.schema import Provider
from tests.adapters.inference.local.asking import Model
from tests.adapters.inference.targets import request

QUESTION = "How do I reset my password?"
TEXTS = [
    "The cat sleeps on the sofa.",
    "I forgot my login and need a new one.",
    "Stock markets fell sharply today.",
    "You can choose another password in your settings.",
]
ABOUT_IT = {1, 3}
RERANK = ADAPTER.codecs["rerank"]


def target(**settings: Any) -> Target:
    return Target("local", "minilm", Raw(b'"minilm"'), Provider(dialect="local", **settings), LocalOptions())


async def results(embedder: Model, **fields: Any) -> list[dict[str, Any]]:
    told = await embedder.ask("rerank", **{"query": QUESTION, "documents": TEXTS, **fields})
    found: list[dict[str, Any]] = told["results"]
    return found


# What the gateway sends


def test_the_request_is_read_strictly_and_goes_on_with_its_texts() -> None:
    asked = request(query="q", documents=["a", {"text": "b"}], top_n=1, max_tokens_per_doc=9, return_documents=True)
    encoded = RERANK.encode(asked, target())
    assert json.loads(encoded.body) == {
        "model": "minilm",
        "query": "q",
        "documents": ["a", "b"],
        "top_n": 1,
        "max_tokens_per_doc": 9,
        "return_documents": True,
    }
    assert encoded.dropped == ()


def test_what_no_local_model_follows_is_reported_or_refused() -> None:
    asked = request(query="q", documents=[{"text": "a", "title": "A"}], rank_fields=["text"])
    assert RERANK.encode(asked, target()).dropped == ("rank_fields=unknown", "documents[0].title=unknown")
    with pytest.raises(UnsupportedParameter):
        RERANK.encode(asked, target(on_unsupported="refuse"))


def test_what_is_wrong_is_refused_before_it_is_sent() -> None:
    with pytest.raises(BadRequest) as refused:
        RERANK.encode(request(query="q", documents=[]), target())
    assert refused.value.param == "documents"


# What the model says


@pytest.mark.asyncio(loop_scope="session")
async def test_texts_about_the_query_come_first(embedder: Model) -> None:
    found = await results(embedder)
    assert {each["index"] for each in found[:2]} == ABOUT_IT
    scores = [each["relevance_score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_same_text_is_as_near_as_can_be(embedder: Model) -> None:
    (best,) = await results(embedder, documents=[*TEXTS, QUESTION], top_n=1)
    assert best["index"] == 4
    assert best["relevance_score"] > 0.97  # int8 weights: a batch's scale moves values a little


@pytest.mark.asyncio(loop_scope="session")
async def test_as_many_results_as_asked_for_with_their_texts(embedder: Model) -> None:
    found = await results(embedder, top_n=2, return_documents=True)
    assert [each["document"]["text"] for each in found] == [TEXTS[each["index"]] for each in found]
    assert len(found) == 2


@pytest.mark.asyncio(loop_scope="session")
async def test_the_tokens_of_query_and_texts_are_counted(embedder: Model) -> None:
    answer = await embedder.answer("rerank", query="Hello", documents=["Hello world", "Hello"])
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 10  # four words, and a mark before and after each text


@pytest.mark.asyncio(loop_scope="session")
async def test_long_texts_are_cut_to_what_the_model_takes(embedder: Model) -> None:
    answer = await embedder.answer("rerank", query="Hello", documents=["word " * 600])
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3 + 512


@pytest.mark.asyncio(loop_scope="session")
async def test_texts_are_cut_to_what_the_client_says(embedder: Model) -> None:
    cut = f"{QUESTION} The cat sleeps on the sofa and dreams of mice."
    (whole,) = await results(embedder, documents=[cut])
    (begun,) = await results(embedder, documents=[cut], max_tokens_per_doc=9)  # the question's seven, and two marks
    assert whole["relevance_score"] < 0.9 < begun["relevance_score"]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("documents", [["a", ""], ["a"] * 2_049])
async def test_what_can_not_be_judged_is_refused_by_name(embedder: Model, documents: list[str]) -> None:
    with pytest.raises(UpstreamError) as caught:
        await embedder.send("rerank", query="q", documents=documents)
    assert (caught.value.status, caught.value.param) == (400, "documents")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_chat_model_does_not_rerank(chat: Model) -> None:
    with pytest.raises(UpstreamError) as caught:
        await chat.send("rerank", query="q", documents=["a"])
    assert caught.value.status == 404
