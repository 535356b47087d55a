"""The dialect against recorded traffic of Anthropic."""

import json
from typing import Any

import pytest

from adapters.inference.anthropic import ADAPTER
from adapters.inference.contract import Target
from tests.adapters.inference.anthropic.recorded_requests import DIFFERENCES, REQUESTS
from tests.adapters.inference.anthropic.sdk import events_of, fold, frames, judge
from tests.adapters.inference.targets import request, target
from tests.recordings import SPLIT_SIZES, Recording, load, params

CHAT = ADAPTER.codecs["chat"]
UNARY = params(providers=["anthropic"], operations=["chat"])
STREAMS = params(providers=["anthropic"], operations=["chat"], streamed=True)
ASKED = [each for each in [*UNARY, *STREAMS] if each.values[0] is None or "messages" in (each.values[0].request or ())]
BETA_ONLY = {"advisor_20260301", "computer_20250124", "computer_20251124"}
"""Tools that the package has in its beta types alone."""

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def target_of(recording: Recording) -> Target:
    return target(recording.model or "claude-3-opus-20240229", api_key="sk-ant-secret-key", auth="header:x-api-key")


def stream_of(recording: Recording) -> bytes:
    return recording.raw if recording.raw is not None else frames(recording.events)


def chunks_of(recording: Recording, size: int = 1 << 30) -> list[Any]:
    """The chunks that a client gets, of a stream that comes in pieces."""
    raw = stream_of(recording)
    decoder = CHAT.stream(target_of(recording), request(stream=True, stream_options={"include_usage": True}))
    shown = b"".join(decoder.feed(raw[start : start + size]) for start in range(0, len(raw), size)) + decoder.close()
    assert decoder.error is None
    assert shown.endswith(b"data: [DONE]\n\n")
    return events_of(shown.removesuffix(b"data: [DONE]\n\n"))


def merged(chunks: list[Any]) -> Any:
    """A completion put together from chunks, as clients do it."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    finish = None
    calls: dict[int, Any] = {}
    for choice in (chunk["choices"][0] for chunk in chunks if chunk["choices"]):
        for name, value in choice["delta"].items():
            if name == "tool_calls":
                for piece in value:
                    call = calls.setdefault(piece["index"], {"id": piece.get("id"), "type": "function", "function": {}})
                    call["function"] |= {"name": piece["function"].get("name", call["function"].get("name"))}
                    arguments = call["function"].get("arguments", "")
                    call["function"]["arguments"] = arguments + piece["function"]["arguments"]
            elif name != "role":
                message[name] = value if message.get(name) is None else message[name] + value
        finish = choice["finish_reason"] or finish
    if calls:
        message |= {"tool_calls": list(calls.values()), "content": message["content"] or None}
    return {"message": message, "finish_reason": finish, "usage": chunks[-1]["usage"]}


def decoded(recording: Recording, body: bytes) -> Any:
    completion = json.loads(CHAT.decode(body, target_of(recording), request()).body)
    return completion["choices"][0] | {"usage": completion["usage"]}


def comparable(choice: Any) -> Any:
    """A choice with arguments of calls as values, because their white space may differ."""
    told = {name: choice[name] for name in ("message", "finish_reason", "usage")}
    for call in told["message"].get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return told


def normal(body: Any) -> Any:
    """A request without what the service takes for the same: texts for blocks, defaults, empty lists."""
    told = {name: value for name, value in body.items() if value not in ([], False)}
    if isinstance(told.get("system"), str):
        told["system"] = [{"type": "text", "text": told["system"]}]
    for turn in told["messages"]:
        if isinstance(turn["content"], str):
            turn["content"] = [{"type": "text", "text": turn["content"]}]
    for tool in told.get("tools", ()):
        if tool.get("type") == "custom":
            del tool["type"]
    return told


@pytest.mark.parametrize("recording", ASKED)
def test_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    case = recording.case.removeprefix("anthropic/")
    asked = REQUESTS[case](recording.request)
    encoded = CHAT.encode(request(stream=recording.streamed, **asked), target(recording.request["model"]))
    expected = json.loads(json.dumps(recording.request))
    DIFFERENCES.get(case, lambda recorded: None)(expected)
    assert normal(json.loads(encoded.body)) == normal(expected)
    assert encoded.dropped == ()


@pytest.mark.parametrize("recording", ASKED)
def test_recorded_requests_fit_the_types_of_the_package(recording: Recording) -> None:
    asked = REQUESTS[recording.case.removeprefix("anthropic/")](recording.request)
    encoded = CHAT.encode(request(stream=recording.streamed, **asked), target(recording.request["model"]))
    tools = {tool["type"] for tool in asked.get("tools", ())}
    judge(encoded.body, in_beta=bool(tools & BETA_ONLY) or "context_management" in recording.request)


@pytest.mark.parametrize("recording", UNARY)
def test_unary_answers_have_all_that_the_recorded_ones_say(recording: Recording) -> None:
    told = recording.answer
    choice = decoded(recording, recording.body)
    message = choice["message"]
    texts = "".join(block["text"] for block in told["content"] if block["type"] == "text")
    thoughts = "".join(block["thinking"] for block in told["content"] if block["type"] == "thinking")
    calls = [block for block in told["content"] if block["type"] == "tool_use"]
    kept = [block for block in told["content"] if block["type"] not in ("text", "thinking", "tool_use")]
    assert (message["content"] or "") == texts
    assert message.get("reasoning_content", "") == thoughts
    assert [call["function"]["name"] for call in message.get("tool_calls", ())] == [call["name"] for call in calls]
    inputs = [json.loads(call["function"]["arguments"]) for call in message.get("tool_calls", ())]
    assert inputs == [call["input"] for call in calls]
    assert [each["block"] for each in message.get("reasoning_details", ()) if "block" in each] == kept
    assert choice["finish_reason"] == FINISH[told["stop_reason"]]


@pytest.mark.parametrize("recording", UNARY)
def test_usage_counts_cached_tokens_into_the_prompts(recording: Recording) -> None:
    told = recording.answer["usage"]
    usage = CHAT.decode(recording.body, target_of(recording), request()).usage
    assert usage is not None
    cached, written = told.get("cache_read_input_tokens", 0), told.get("cache_creation_input_tokens", 0)
    assert usage.prompt_tokens == told["input_tokens"] + cached + written
    assert (usage.cached_tokens, usage.cache_write_tokens) == (cached, written)
    assert usage.completion_tokens == told["output_tokens"]
    assert usage.reasoning_tokens == (told.get("output_tokens_details") or {"thinking_tokens": 0})["thinking_tokens"]


@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_says_what_its_whole_message_would(recording: Recording) -> None:
    whole = json.dumps(fold(events_of(stream_of(recording)))).encode()
    assert comparable(merged(chunks_of(recording))) == comparable(decoded(recording, whole))


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_is_the_same_however_it_is_cut(recording: Recording, size: int) -> None:
    cut, whole = chunks_of(recording, size), chunks_of(recording)
    for chunk in (*cut, *whole):
        del chunk["created"]
    assert cut == whole


@pytest.mark.parametrize("recording", STREAMS)
def test_messages_streams_go_through_byte_for_byte(recording: Recording) -> None:
    decoder = ADAPTER.codecs["messages"].stream(target_of(recording), request())
    raw = stream_of(recording)
    pieces = recording.as_received() if recording.raw is not None else [raw]
    assert b"".join(map(decoder.feed, pieces)) + decoder.close() == raw
    told = fold(events_of(raw))["usage"]
    assert decoder.usage is not None
    assert decoder.usage.completion_tokens == told["output_tokens"]
    assert decoder.error is None


@pytest.mark.parametrize("recording", UNARY)
def test_messages_go_through_byte_for_byte(recording: Recording) -> None:
    answer = ADAPTER.codecs["messages"].decode(recording.body, target_of(recording), request())
    assert answer.body == recording.body
    assert answer.usage == CHAT.decode(recording.body, target_of(recording), request()).usage


@pytest.mark.parametrize("recording", params(providers=["anthropic"], operations=["count_tokens"]))
def test_a_count_of_tokens_goes_through_and_uses_none(recording: Recording) -> None:
    codec = ADAPTER.codecs["count_tokens"]
    encoded = codec.encode(request(**recording.request | {"model": "route"}), target(recording.request["model"]))
    assert json.loads(encoded.body) == recording.request
    answer = codec.decode(recording.body, target_of(recording), request())
    assert (answer.body, answer.usage) == (recording.body, None)
    assert (
        codec.url(target("m", base_url="https://api.anthropic.com/v1"), request())
        == (recording.url or "").partition("?")[0]
    )


@pytest.mark.parametrize("recording", params(providers=["anthropic"], operations=["error"]))
def test_errors_keep_the_message_and_get_openais_words(recording: Recording) -> None:
    assert recording.status is not None
    error = ADAPTER.explain(recording.status, recording.headers, recording.body)
    codes = {400: "upstream_error", 401: "invalid_api_key", 404: "model_not_found"}
    assert (error.status, error.code, error.retryable) == (recording.status, codes[recording.status], False)
    assert error.message == recording.answer["error"]["message"]
    assert error.type == "invalid_request_error"


@pytest.mark.parametrize("recording", params(providers=["anthropic"], operations=["models"]))
def test_the_list_of_models_is_in_openais_shape_already(recording: Recording) -> None:
    assert all(model["id"].startswith("claude-") for model in recording.answer["data"])
    url = ADAPTER.models_url
    assert url is not None
    assert url(target(base_url="https://api.anthropic.com/v1").settings, None).partition("?")[0] == recording.url


def test_every_recorded_request_has_one_of_ours() -> None:
    cases = {each.values[0].case.removeprefix("anthropic/") for each in ASKED if each.values[0] is not None}
    assert cases == set(REQUESTS) or not load()
