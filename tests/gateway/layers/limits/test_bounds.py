"""The largest use of a call is never below what it can really be."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.wire.body import parse
from adapters.wire.tokens import count_chat
from config.facts import Facts, LongPrices, Prices
from config.limits import CallLimits
from config.routing import Hedge
from config.schema import Operation
from gateway.auth import ANYBODY
from gateway.call import Call
from gateway.layers.limits.bounds import Bounds, largest_cost
from tests.gateway.layers.limits.limited import a_route

KNOWN = Facts(context=100_000, completion=8_000)
OVERHEAD = 1_024
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def a_call(operation: Operation = "chat", raw: bytes | None = None, **fields: Any) -> Call:
    body = parse(raw or json.dumps({"model": "m", **fields}).encode())
    return Call(operation, b"r", ANYBODY, body, {}, 0.0)


def bound(call: Call, facts: Facts | None = KNOWN, **limits: Any) -> tuple[int, int]:
    return Bounds(CallLimits(**limits)).tokens(call, facts)


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5), st.booleans())
def test_no_text_has_more_tokens_than_its_bound(texts: list[str], ascii_only: bool) -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    raw = json.dumps({"model": "m", "messages": messages}, ensure_ascii=ascii_only).encode("utf-8", "replace")
    assert count_chat(messages, "gpt-4") <= bound(a_call(raw=raw))[0]


def test_the_prompt_is_bounded_by_its_bytes_and_the_context() -> None:
    assert OVERHEAD < bound(a_call(messages=user("hi")))[0] < OVERHEAD + 100
    assert bound(a_call(messages=user("a" * 200_000)))[0] == 100_000
    assert bound(a_call(messages=user("a" * 200_000)), None)[0] > 200_000


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 8_000),
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 100}, 100),
        ({"max_tokens": 10, "max_completion_tokens": 100}, 100),
        ({"max_tokens": 100_000}, 8_000),
        ({"max_tokens": None}, 8_000),
        ({"max_tokens": "100"}, 100),
        ({"max_tokens": [1]}, 8_000),
        ({"max_tokens": 100, "n": 3}, 300),
        ({"max_tokens": 100, "n": None}, 100),
        ({"max_tokens": 100, "n": 2, "best_of": 5}, 500),
        ({"max_tokens": 100, "n": "many"}, 12_800),
        ({"max_tokens": 100, "lab": {"max_output_tokens": 5_000}}, 8_000),
        ({"max_tokens": 100, "response_format": {"type": "json_object"}}, 100),
    ],
)
def test_the_answer_is_bounded_by_what_is_asked_for_and_what_the_model_can(fields: Any, most: int) -> None:
    assert bound(a_call(messages=user("hi"), **fields))[1] == most


def test_a_prediction_may_be_billed_as_if_it_were_written() -> None:
    said = {"type": "content", "content": "x" * 500}
    assert bound(a_call(messages=user("hi"), max_tokens=100, prediction=said))[1] > 600


def test_of_a_model_that_nobody_knows_the_operators_assumption_counts() -> None:
    assert bound(a_call(messages=user("hi")), None, assumed_context=50_000)[1] == 50_000
    assert bound(a_call(messages=user([IMAGE])), None, assumed_context=50_000)[0] == 50_000


@pytest.mark.parametrize(
    "content",
    [
        [IMAGE],
        [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
        [{"type": "file", "file": {"file_id": "f"}}],
        [{"type": "image", "source": {"type": "url", "url": "https://example.com"}}],
        [{"type": "document", "source": {"type": "file", "file_id": "f"}}],
        [{"type": "text", "text": "see"}, {"type": "video_url", "video_url": {"url": "https://example.com"}}],
        [{"type": "tool_result", "content": [{"type": "image", "source": {}}]}],
    ],
)
def test_what_is_no_text_may_take_the_whole_context(content: Any) -> None:
    assert bound(a_call(messages=user(content)))[0] == 100_000


def test_a_part_whose_name_is_written_with_escapes_is_seen() -> None:
    part = rb'{"type":"\u0069mage_url","\u0069mage_url":{"url":"x"}}'
    raw = b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % part
    assert bound(a_call(raw=raw))[0] == 100_000


def test_a_text_that_speaks_of_parts_is_a_text() -> None:
    assert bound(a_call(messages=user('[{"type": "image_url"}]')))[0] < OVERHEAD + 200
    assert bound(a_call(messages=user([{"type": "text", "text": '"image_url"'}])))[0] < OVERHEAD + 200


def test_parts_take_what_the_operator_declares() -> None:
    prompt = bound(a_call(messages=user([IMAGE, IMAGE])), media_tokens=1_000)[0]
    assert OVERHEAD + 2_000 <= prompt < 10_000


def test_messages_too_long_to_look_through_may_hold_parts() -> None:
    assert bound(a_call(messages=user(["a" * 300_000])))[0] == 100_000


@pytest.mark.parametrize(("prompt", "times"), [("a", 1), (["a", "b", "c"], 3), ([1, 2, 3], 1), ([[1], [2]], 2)])
def test_every_text_of_an_older_completion_is_answered(prompt: Any, times: int) -> None:
    assert bound(a_call("completions", prompt=prompt, max_tokens=100))[1] == 100 * times


def test_embeddings_have_no_answer() -> None:
    prompt, completion = bound(a_call("embeddings", input=["text"] * 100), Facts(context=512))
    assert (prompt > 800, completion) == (True, 0)


def test_every_document_of_a_rerank_is_read_with_the_query() -> None:
    assert bound(a_call("rerank", query="q" * 100, documents=["d"] * 50), None)[0] > 5_000


def test_counting_tokens_uses_none() -> None:
    assert bound(a_call("count_tokens", messages=user("hi"))) == (0, 0)


@pytest.mark.parametrize(("documents", "searches"), [(1, 1), (100, 1), (101, 2), (1_000, 10)])
def test_a_rerank_has_a_search_for_every_hundred_documents(documents: int, searches: int) -> None:
    facts = Facts(prices=Prices(prompt=0, search=1_000_000, version="2026-11-01"))
    cost = largest_cost(a_call("rerank", query="q", documents=["d"] * documents), 10, 0, facts)
    assert cost is not None
    assert searches * 10**9 <= cost <= (searches + documents // 100 + 1) * 10**9


def test_a_long_document_may_be_several_passages() -> None:
    facts = Facts(prices=Prices(prompt=0, search=1_000_000, version="2026-11-01"))
    assert largest_cost(a_call("rerank", query="q", documents=["d" * 100_000]), 10, 0, facts) == 3 * 10**9


def test_a_prompt_that_may_be_long_has_the_price_of_a_long_one() -> None:
    long = LongPrices(over=100, prompt=2, completion=3)
    facts = Facts(prices=Prices(prompt=1, completion=1, long=long, version="2026-11-01"))
    assert largest_cost(a_call(messages=[]), 100, 10, facts) == 110_000
    assert largest_cost(a_call(messages=[]), 101, 10, facts) == 232_000


def test_further_models_that_a_client_names_have_no_known_price() -> None:
    facts = Facts(prices=Prices(prompt=1, version="2026-11-01"))
    assert largest_cost(a_call(messages=[], models=["other"]), 10, 10, facts) is None


def test_every_target_that_may_do_the_whole_work_is_billed() -> None:
    call = a_call(messages=[])
    for settings_of, times in (({}, 1), ({"hedge": Hedge()}, 2), ({"hedge": Hedge(), "broken_stream": "continue"}, 3)):
        call.route = a_route(KNOWN, **settings_of)
        assert call.route is not None
        assert call.route.workers == times
