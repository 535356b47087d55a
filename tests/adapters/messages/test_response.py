"""Completions as Messages clients get them."""

import json
from typing import Any

import pytest
from anthropic.types import Message

from adapters.messages.thoughts import read
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import target
from tests.adapters.messages.asking import PLAIN, answer, completion, request

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}


def test_a_text() -> None:
    message = answer({"content": "Hi"})
    assert message == {
        "id": "c1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 5,
        },
    }


def test_the_sdk_takes_what_is_answered() -> None:
    message = answer({"content": "Hi", "refusal": "No", "reasoning_content": "Hm", "tool_calls": [CALL]}, "tool_calls")
    Message.model_validate(message, strict=True)


@pytest.mark.parametrize(
    ("finish", "message", "reason"),
    [
        ("stop", {"content": "a"}, "end_turn"),
        ("length", {"content": "a"}, "max_tokens"),
        ("tool_calls", {"tool_calls": [CALL]}, "tool_use"),
        ("function_call", {"tool_calls": [CALL]}, "tool_use"),
        ("stop", {"tool_calls": [CALL]}, "tool_use"),
        ("content_filter", {"content": ""}, "refusal"),
        ("stop", {"refusal": "No."}, "refusal"),
        ("eos", {"content": "a"}, "end_turn"),
        (None, {"content": "a"}, "end_turn"),
        (["odd"], {"content": "a"}, "end_turn"),
    ],
)
def test_why_it_stopped(finish: Any, message: Any, reason: str) -> None:
    assert answer(message, finish)["stop_reason"] == reason


@pytest.mark.parametrize(("met", "told"), [("END", "END"), ("other", None), (17, None), (None, None)])
def test_the_stop_sequence_that_was_met(met: Any, told: str | None) -> None:
    message = answer({"content": "a"}, asked={"stop_sequences": ["END"]}, stop_reason=met)
    assert message["stop_sequence"] == told
    assert message["stop_reason"] == ("stop_sequence" if told else "end_turn")


def test_a_refusal_says_why() -> None:
    message = answer({"content": None, "refusal": "I can't."})
    assert message["content"] == [{"type": "text", "text": "I can't."}]
    assert message["stop_details"] == {"type": "refusal", "category": None, "explanation": "I can't."}


def test_calls_of_tools() -> None:
    message = answer({"content": None, "tool_calls": [CALL, CALL | {"id": "c2"}]}, "tool_calls")
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.0}}
    assert message["content"] == [call, call | {"id": "c2"}]


@pytest.mark.parametrize("arguments", ["", " ", "null", None, {}])
def test_a_call_without_arguments(arguments: Any) -> None:
    message = answer({"tool_calls": [CALL | {"function": {"name": "f", "arguments": arguments}}]})
    assert message["content"][0]["input"] == {}


def test_arguments_that_are_an_object_already() -> None:
    message = answer({"tool_calls": [CALL | {"function": {"name": "f", "arguments": {"a": 1}}}]})
    assert message["content"][0]["input"] == {"a": 1}


def test_ids_that_are_not_given_are_made_up() -> None:
    message = answer({"tool_calls": [CALL | {"id": None}, CALL | {"id": ""}]}, id=None)
    assert message["id"]
    first, second = (block["id"] for block in message["content"])
    assert first != second


def test_a_model_that_is_not_named_is_the_targets() -> None:
    assert answer({"content": "a"}, model=None)["model"] == "upstream-model"


@pytest.mark.parametrize(
    "raw",
    [
        completion({"tool_calls": [CALL | {"function": {"name": "f", "arguments": "{"}}]}),
        completion({"tool_calls": [CALL | {"function": {"name": "f", "arguments": "[]"}}]}),
        completion({"tool_calls": [CALL | {"function": None}]}),
        completion({"tool_calls": [CALL | {"function": {"arguments": "{}"}}]}),
        completion({}, choices=[]),
        completion({}, choices=None),
        completion({}, choices=[{"index": 0}]),
        completion({}, choices=3),
    ],
)
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        PLAIN.decode(raw, target(), request())


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        (None, []),
        ("", []),
        ({"a": 1}, [("text", '{"a":1}')]),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 3, {"type": "image_url"}], [("text", "ab")]),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}],
            [("thinking", "hm"), ("text", "a")],
        ),
    ],
)
def test_contents_of_every_form(content: Any, blocks: Any) -> None:
    told = answer({"content": content})["content"]
    assert [(block["type"], block[block["type"]]) for block in told] == blocks


def test_sources_are_citations() -> None:
    cited = {"url": "https://a.test", "title": "t", "start_index": 0, "end_index": 1}
    notes = [{"type": "url_citation", "url_citation": cited}, {"type": "file_citation"}, 3]
    (block,) = answer({"content": "a", "annotations": notes})["content"]
    assert block["citations"] == [
        {
            "type": "web_search_result_location",
            "url": "https://a.test",
            "title": "t",
            "cited_text": "",
            "encrypted_index": "",
        }
    ]
    Message.model_validate(answer({"content": "a", "annotations": notes}), strict=True)


# Usage


def test_usage_by_class() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    told = answer({"content": "a"}, usage=usage, service_tier="priority")["usage"]
    assert told == {
        "input_tokens": 40,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 60,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
        "service_tier": "priority",
    }


@pytest.mark.parametrize(("tier", "told"), [("default", "standard"), ("flex", None), (3, None)])
def test_tiers(tier: Any, told: str | None) -> None:
    assert answer({"content": "a"}, service_tier=tier)["usage"].get("service_tier") == told


def test_usage_that_was_counted_is_put_in() -> None:
    untold = PLAIN.decode(completion({"content": "a"}, usage=None), target(), request())
    assert untold.usage is None
    assert untold.with_usage is not None
    told = json.loads(untold.with_usage(Usage(7, 3)))
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (7, 3)


# Thoughts


def test_details_each_become_a_block() -> None:
    details = [
        {"type": "reasoning.text", "text": "one", "signature": "s1", "format": "other-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "sealed", "id": "r1"},
        {"type": "reasoning.summary", "summary": "two"},
        3,
    ]
    blocks = answer({"content": "a", "reasoning": "one", "reasoning_details": details})["content"]
    assert [(block["type"], block.get("thinking")) for block in blocks] == [
        ("thinking", "one"),
        ("redacted_thinking", None),
        ("thinking", "two"),
        ("text", None),
    ]
    thought = read(blocks[0]["signature"])
    assert thought is not None
    assert thought.provider == "provider"
    assert thought.member == "reasoning"
    assert thought.detail == {"type": "reasoning.text", "signature": "s1", "format": "other-v1", "index": 0}


def test_a_detail_without_a_text_shows_the_thought_in_clear() -> None:
    details = [{"type": "reasoning.text", "signature": "s1"}]
    block = answer({"content": "a", "reasoning_content": "one", "reasoning_details": details})["content"][0]
    assert block["thinking"] == "one"


def test_a_thought_in_clear_stands_beside_a_sealed_one() -> None:
    details = [{"type": "reasoning.encrypted", "data": "sealed"}]
    blocks = answer({"content": "a", "reasoning_content": "one", "reasoning_details": details})["content"]
    assert [block["type"] for block in blocks] == ["redacted_thinking", "thinking", "text"]


def test_thoughts_are_hidden_where_the_client_wants_it() -> None:
    asked = {"thinking": {"type": "adaptive", "display": "omitted"}}
    block = answer({"content": "a", "reasoning_content": "one"}, asked=asked)["content"][0]
    assert block["thinking"] == ""
    thought = read(block["signature"])
    assert thought is not None
    assert thought.text == "one"
