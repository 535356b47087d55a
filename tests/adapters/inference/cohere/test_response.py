"""Answers of Cohere's chat in OpenAI's form."""

import json
from typing import Any

import pytest

from adapters.wire.errors import UpstreamError
from adapters.wire.structured import FORCED_TOOL
from tests.adapters.inference.cohere.asking import CHAT, FORMAT, TOOLS, answer, decode, said, sent
from tests.adapters.inference.targets import request, target

TEXT = [{"type": "text", "text": "Hello."}]


def call(arguments: str | None = "{}", name: str = "weather", **further: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **further}


def cited(text: str = "Hello", **further: Any) -> dict[str, Any]:
    source = {"type": "document", "id": "d", "document": {"text": "x"}}
    return {"start": 0, "end": 5, "text": text, "sources": [source], "type": "TEXT_CONTENT", **further}


def test_text_is_content() -> None:
    told = decode(answer(content=TEXT))
    assert (told["id"], told["model"], told["object"]) == ("a1", "upstream-model", "chat.completion")
    assert told["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_an_answer_without_an_id_gets_one() -> None:
    first, second = (decode(answer(content=TEXT) | {"id": None})["id"] for _ in range(2))
    assert first.startswith("chatcmpl-")
    assert first != second


def test_thoughts_are_reasoning() -> None:
    blocks = [{"type": "thinking", "thinking": "H"}, {"type": "thinking", "thinking": "m."}, *TEXT]
    told = said(answer(content=blocks))
    assert (told["reasoning_content"], told["content"]) == ("Hm.", "Hello.")


def test_blocks_of_another_kind_are_passed_over() -> None:
    assert said(answer(content=[{"type": "hologram", "hologram": {}}, *TEXT], surprise=1))["content"] == "Hello."


def test_a_plan_is_content_beside_the_calls() -> None:
    told = decode(answer(tool_plan="I ask.", tool_calls=[call()]) | {"finish_reason": "TOOL_CALL"})["choices"][0]
    assert (told["message"]["content"], told["finish_reason"]) == ("I ask.", "tool_calls")
    assert told["message"]["tool_calls"] == [call()]


def test_calls_alone_have_no_content() -> None:
    assert said(answer(tool_calls=[call()]))["content"] is None


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_call_without_arguments_has_an_empty_object(nothing: str | None) -> None:
    assert said(answer(tool_calls=[call(nothing)]))["tool_calls"][0]["function"]["arguments"] == "{}"


def test_calls_without_an_id_get_stable_ones() -> None:
    told = said(answer(tool_calls=[call(id=None), {"type": "function"}]))["tool_calls"]
    assert [each["id"] for each in told] == ["a1_0", "a1_1"]
    assert told[1]["function"] == {"name": "", "arguments": "{}"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("ERROR_LIMIT", "length"),
        ("ERROR_TOXIC", "content_filter"),
        ("SURPRISE", "stop"),
        (None, "stop"),
    ],
)
def test_reasons_to_stop_are_openais(told: str | None, expected: str) -> None:
    assert decode(answer(content=TEXT) | {"finish_reason": told})["choices"][0]["finish_reason"] == expected


def test_an_answer_with_calls_stopped_for_them() -> None:
    assert decode(answer(tool_calls=[call()]))["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(("reason", "status"), [("ERROR", 502), ("TIMEOUT", 504)])
def test_an_answer_that_failed_is_an_error(reason: str, status: int) -> None:
    with pytest.raises(UpstreamError) as failed:
        decode(answer(content=TEXT) | {"finish_reason": reason})
    assert (failed.value.status, failed.value.retryable) == (status, True)


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"{}", b'{"message": "text"}', b'{"message":{"content":5}}'])
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        CHAT.decode(raw, target(), request())


# Usage


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {"tokens": {"input_tokens": 7.0, "output_tokens": 3}, "billed_units": {"input_tokens": 1}},
            (7, 3, 0, 0),
        ),
        ({"billed_units": {"input_tokens": 7, "output_tokens": 3}}, (7, 3, 0, 0)),
        (
            {"tokens": {"input_tokens": 7, "output_tokens": 3, "reasoning_tokens": 2}, "cached_tokens": 5},
            (7, 3, 5, 2),
        ),
        ({"tokens": {"input_tokens": 7, "image_tokens": 20}, "cached_tokens": 99}, (27, 0, 27, 0)),
        ({"tokens": {"input_tokens": -1, "output_tokens": None}}, (0, 0, 0, 0)),
    ],
)
def test_usage_counts_in_openais_sense(told: dict[str, Any], expected: tuple[int, ...]) -> None:
    read = CHAT.decode(json.dumps(answer(content=TEXT) | {"usage": told}).encode(), target(), request()).usage
    assert read is not None
    assert (read.prompt_tokens, read.completion_tokens, read.cached_tokens, read.reasoning_tokens) == expected


@pytest.mark.parametrize("told", [None, {}, {"tokens": None}])
def test_usage_that_is_not_told_is_none(told: Any) -> None:
    read = CHAT.decode(json.dumps(answer(content=TEXT) | {"usage": told}).encode(), target(), request())
    assert read.usage is None
    assert json.loads(read.body)["usage"] is None


def test_probabilities_are_those_of_pieces() -> None:
    pieces = [{"text": "Hé", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}, {"token_ids": []}]
    assert decode(answer(content=TEXT) | {"logprobs": pieces})["choices"][0]["logprobs"]["content"] == [
        {"token": "Hé", "logprob": -0.75, "bytes": [72, 195, 169], "top_logprobs": []},
        {"token": "", "logprob": 0, "bytes": [], "top_logprobs": []},
    ]


# Citations


def test_a_source_with_an_address_is_a_url_citation() -> None:
    page = {"url": "https://a.test", "title": "A"}
    sources = [
        {"type": "document", "document": page},
        {"type": "tool", "tool_output": {"url": "https://b.test", "title": 5}},
    ]
    assert said(answer(content=TEXT, citations=[cited(sources=sources)]))["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 5, **page}},
        {
            "type": "url_citation",
            "url_citation": {"start_index": 0, "end_index": 5, "url": "https://b.test", "title": ""},
        },
    ]


@pytest.mark.parametrize("source", [{"type": "document", "document": {"url": 5}}, {"type": "surprise"}])
def test_any_other_source_is_a_citation_with_the_source_as_told(source: dict[str, Any]) -> None:
    (told,) = said(answer(content=TEXT, citations=[cited(sources=[source])]))["annotations"]
    place = {"start_index": 0, "end_index": 5, "text": "Hello"}
    assert told == {"type": "citation", "citation": {**place, "source": source}}


@pytest.mark.parametrize(
    ("citation", "start"),
    [
        (cited(content_index=2), 10),
        (cited(content_index=3), 16),
        (cited(), 10),
        (cited(type=None, content_index=None), 10),
        (cited(type="PLAN"), 0),
    ],
)
def test_places_are_those_in_the_whole_answer(citation: dict[str, Any], start: int) -> None:
    blocks = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": ""}, *TEXT, *TEXT]
    told = said(answer(tool_plan="I say this", content=blocks, citations=[citation]))
    (place,) = (each["citation"] for each in told["annotations"])
    assert (place["start_index"], place["end_index"]) == (start, start + 5)
    assert told["content"][start : start + 5] in ("Hello", "I say")


@pytest.mark.parametrize(
    "citation",
    [cited(type="THINKING_CONTENT"), cited(type="PLAN"), cited(content_index=9), cited(sources=None)],
)
def test_a_citation_of_nothing_in_the_answer_is_left_out(citation: dict[str, Any]) -> None:
    assert "annotations" not in said(answer(content=TEXT, citations=[citation]))


# Structured outputs


@pytest.mark.parametrize(
    "asked", [{"response_format": FORMAT}, {"response_format": FORMAT, "tools": TOOLS, "tool_choice": "none"}]
)
def test_an_answer_that_does_not_fit_the_schema_is_an_error(asked: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError) as failed:
        decode(answer(content=[{"type": "text", "text": '{"age":"old"}'}]), **asked)
    assert failed.value.code == "invalid_structured_output"


def test_an_answer_that_was_cut_is_not_judged() -> None:
    cut = answer(content=[{"type": "text", "text": '{"age'}]) | {"finish_reason": "MAX_TOKENS"}
    assert decode(cut, response_format=FORMAT)["choices"][0]["message"]["content"] == '{"age'


def test_an_answer_is_not_judged_by_a_form_that_did_not_go_out() -> None:
    raw = json.dumps(answer(content=TEXT)).encode()
    told = CHAT.decode(raw, target(unsupported=["response_format"]), request(response_format=FORMAT))
    assert json.loads(told.body)["choices"][0]["message"]["content"] == "Hello."


def test_the_call_that_stands_in_for_an_answer_is_the_answer() -> None:
    forced = answer(tool_plan="I answer.", tool_calls=[call('{"age":5}', FORCED_TOOL)]) | {"finish_reason": "TOOL_CALL"}
    told = decode(forced, tools=TOOLS, response_format=FORMAT)["choices"][0]
    assert told["finish_reason"] == "stop"
    assert told["message"] == {
        "role": "assistant",
        "content": '{"age":5}',
        "refusal": None,
        "reasoning_content": "I answer.",
    }


def test_a_real_call_beside_a_form_is_a_call() -> None:
    called = answer(tool_calls=[call()]) | {"finish_reason": "TOOL_CALL"}
    told = decode(called, tools=TOOLS, response_format=FORMAT)["choices"][0]
    assert (told["finish_reason"], told["message"]["content"]) == ("tool_calls", None)


# Two turns


def test_what_was_said_before_a_call_goes_back_as_it_came() -> None:
    told = said(answer(tool_plan="I ask.", tool_calls=[call()]))
    known_to_openai = {name: told[name] for name in ("role", "content", "tool_calls")}
    back = sent(known_to_openai, {"role": "tool", "tool_call_id": "c1", "content": "warm"})["messages"][0]
    assert back == {"role": "assistant", "tool_plan": "I ask.", "tool_calls": [call()]}


def test_what_was_thought_goes_back_where_the_client_brings_it_back() -> None:
    thoughts = [{"type": "thinking", "thinking": "Hm."}]
    told = said(answer(content=thoughts, tool_calls=[call()]))
    assert sent(told)["messages"][0] == {"role": "assistant", "content": thoughts, "tool_calls": [call()]}
