import json
from typing import Any

import pytest

from adapters.inference.ollama import ADAPTER
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.ollama.service import SECRET, judged, line, target
from tests.adapters.inference.targets import request

CHAT = ADAPTER.codecs["chat"]
CALL = {"function": {"name": "weather", "arguments": {"city": "Rome"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["city"]}}}


def answer(told: dict[str, Any], **asked: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CHAT.decode(json.dumps(told).encode(), target(), request(**asked)).body)
    return body


def choice(**told: Any) -> dict[str, Any]:
    (only,) = answer(line(done=True, **told))["choices"]
    assert isinstance(only, dict)
    return only


def test_a_text() -> None:
    told = answer(line(done=True, message={"content": "Hi"}))
    assert told.pop("id").startswith("chatcmpl-")
    assert told == {
        "object": "chat.completion",
        "created": 1786082915,
        "model": "qwen3:0.6b",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_thoughts_are_reasoning() -> None:
    assert choice(message={"content": "Hi", "thinking": "Hm."})["message"]["reasoning_content"] == "Hm."


def test_tool_calls_are_the_reason_to_finish_whatever_ollama_says() -> None:
    told = choice(message={"tool_calls": [CALL]})
    (call,) = told["message"]["tool_calls"]
    assert call["id"].startswith("call_")
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert (told["finish_reason"], told["message"]["content"]) == ("tool_calls", None)


def test_ids_that_ollama_gives_are_kept_and_those_made_up_differ() -> None:
    calls = choice(message={"tool_calls": [{"id": "call_x", **CALL}, CALL, CALL]})["message"]["tool_calls"]
    assert calls[0]["id"] == "call_x"
    assert len({call["id"] for call in calls}) == 3


@pytest.mark.parametrize(("arguments", "text"), [(None, "{}"), ({}, "{}"), ('{"a":1}', '{"a":1}')])
def test_arguments_are_json_in_a_string_in_whatever_form_they_come(arguments: Any, text: str) -> None:
    told = choice(message={"tool_calls": [{"function": {"name": "now", "arguments": arguments}}]})
    assert told["message"]["tool_calls"][0]["function"]["arguments"] == text


def test_a_call_without_arguments_has_none() -> None:
    told = choice(message={"tool_calls": [{"function": {"name": "now"}}]})
    assert told["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("reason", "finish"), [("stop", "stop"), ("length", "length"), ("load", "stop"), ("novel", "stop"), (None, "stop")]
)
def test_reasons_to_finish(reason: str | None, finish: str) -> None:
    assert choice(done_reason=reason)["finish_reason"] == finish


def test_an_answer_that_was_cut_in_its_calls_says_so() -> None:
    assert choice(done_reason="length", message={"tool_calls": [CALL]})["finish_reason"] == "length"


@pytest.mark.parametrize("missing", ["prompt_eval_count", "eval_count"])
def test_usage_that_ollama_tells_in_part_is_left_to_the_gateway(missing: str) -> None:
    told = CHAT.decode(json.dumps(line(done=True, **{missing: None})).encode(), target(), request())
    assert told.usage is None
    assert json.loads(told.body)["usage"] is None


def test_usage_is_told() -> None:
    assert CHAT.decode(json.dumps(line(done=True)).encode(), target(), request()).usage == Usage(11, 7)


def test_log_probabilities_have_openais_form() -> None:
    told = [
        {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": [{"token": "Yo", "logprob": -2.5}]},
        {"token": "!", "logprob": -0.2},
    ]
    assert choice(logprobs=told)["logprobs"] == {
        "content": [
            {
                "token": "Hi",
                "logprob": -0.1,
                "bytes": [72, 105],
                "top_logprobs": [{"token": "Yo", "logprob": -2.5, "bytes": None}],
            },
            {"token": "!", "logprob": -0.2, "bytes": None, "top_logprobs": []},
        ]
    }


def test_a_time_that_can_not_be_read_is_that_of_the_gateway() -> None:
    assert answer(line(done=True, created_at="yesterday"))["created"] > 1_700_000_000


def test_a_form_that_was_asked_for_is_checked() -> None:
    assert answer(line(done=True, message={"content": '{"city":"Rome"}'}), response_format=FORM)["choices"]
    with pytest.raises(UpstreamError) as caught:
        answer(line(done=True, message={"content": '{"town":"Rome"}'}), response_format=FORM)
    assert caught.value.code == "invalid_structured_output"


@pytest.mark.parametrize("told", [{"done_reason": "length"}, {"message": {"tool_calls": [CALL]}}])
def test_an_answer_that_is_not_whole_is_not_judged(told: dict[str, Any]) -> None:
    assert answer(line(done=True, **told), response_format=FORM)["choices"]


def test_a_form_that_ollama_was_not_asked_for_is_not_checked() -> None:
    raw = json.dumps(line(done=True, message={"content": "Hi"})).encode()
    assert CHAT.decode(raw, target(unsupported=["response_format"]), request(response_format=FORM)).usage


def test_an_error_inside_an_answer_is_one_without_the_key() -> None:
    with pytest.raises(UpstreamError) as caught:
        answer({"error": f"bad key {SECRET}"})
    assert (caught.value.message, caught.value.type) == ("bad key [redacted]", "server_error")


def test_an_error_may_be_silent() -> None:
    with pytest.raises(UpstreamError, match="without a message"):
        answer({"error": ""})


@pytest.mark.parametrize("raw", [b"", b"[]", b"<html>", b'{"message":5}', b'{"message":{"content":"\xff"}}'])
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError, match="can't be read"):
        CHAT.decode(raw, target(), request())


def test_a_second_turn_has_what_ollama_needs_of_the_first() -> None:
    hello = {"role": "user", "content": "How is it in Rome?"}
    said = choice(message={"thinking": "Hm.", "tool_calls": [CALL]})["message"]
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "Sunny"}
    encoded = CHAT.encode(request(messages=[hello, said, result]), target())
    assert encoded.dropped == ()
    _, back, told = judged(encoded.body)["messages"]
    (call,) = back.pop("tool_calls")
    assert back == {"role": "assistant", "content": "", "thinking": "Hm."}
    assert call.pop("id") == told.pop("tool_call_id")
    assert call == CALL
    assert told == {"role": "tool", "content": "Sunny", "tool_name": "weather"}
