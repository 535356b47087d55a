"""Claude on Vertex AI: in OpenAI's format and in its own."""

import json
from typing import Any

import msgspec
import pytest
from anthropic.types import MessageParam, message_create_params
from pydantic import TypeAdapter

from adapters.inference.anthropic.response import decode_chat
from adapters.inference.anthropic.stream import ChatStream
from adapters.inference.vertex import ADAPTER
from tests.adapters.inference.gemini.exchanges import asking, gathered
from tests.adapters.inference.targets import request
from tests.adapters.inference.vertex.test_urls import target
from tests.recordings import SPLIT_SIZES, Recording, params

CLAUDE = target("claude-haiku-4-5@20251001")


def recorded(streamed: bool = False) -> list[Any]:
    found = params(providers=["vertex"], operations=["chat"], streamed=streamed)
    return [each for each in found if each.values[0] is None or "anthropic" in (each.values[0].url or "")]


@pytest.mark.parametrize("recording", recorded())
def test_an_answer_is_anthropics(recording: Recording) -> None:
    answer = ADAPTER.codecs["chat"].decode(recording.body, CLAUDE, asking())
    told = json.loads(answer.body)["choices"][0]
    content = recording.answer["content"]
    assert (told["message"]["content"] or "") == "".join(block.get("text", "") for block in content)
    calls = [json.loads(call["function"]["arguments"]) for call in told["message"].get("tool_calls", ())]
    assert calls == [block["input"] for block in content if block["type"] == "tool_use"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == recording.answer["usage"]["output_tokens"]


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", recorded(streamed=True))
def test_a_stream_is_anthropics(recording: Recording, size: int) -> None:
    decoder = ADAPTER.codecs["chat"].stream(CLAUDE, asking(stream=True))
    assert isinstance(decoder, ChatStream)
    said = gathered(b"".join(map(decoder.feed, recording.cut(size))) + decoder.close())
    assert recording.raw is not None
    lines = [line[5:] for line in recording.raw.decode().splitlines() if line.startswith("data:")]
    deltas = [json.loads(line).get("delta", {}) for line in lines]
    assert said["message"]["content"] == "".join(delta.get("text", "") for delta in deltas)
    assert said["message"].get("reasoning_content", "") == "".join(delta.get("thinking", "") for delta in deltas)


def encoded(**asked: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(ADAPTER.codecs["chat"].encode(asking(**asked), CLAUDE).body)
    return body


@pytest.mark.parametrize("stream", [False, True])
def test_the_version_stands_in_the_body_and_the_model_in_the_url(stream: bool) -> None:
    body = encoded(max_tokens=10, temperature=0.0, stream=stream)
    streamed = {"stream": True} if stream else {}
    assert body == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.0,
        **streamed,
    }


def test_anthropics_own_types_know_every_field_of_a_request() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    body = encoded(tools=[tool], tool_choice="required", stop=["END"], user="me")
    body.pop("anthropic_version")
    known = message_create_params.MessageCreateParamsNonStreaming.__annotations__
    known |= message_create_params.MessageCreateParamsBase.__annotations__
    assert set(body) <= set(known)
    TypeAdapter(list[MessageParam]).validate_python(body["messages"])


def test_betas_go_in_a_header() -> None:
    encoded = ADAPTER.codecs["chat"].encode(asking(anthropic={"betas": ["a-1", "b-2"]}), CLAUDE)
    assert encoded.headers == ((b"anthropic-beta", b"a-1,b-2"),)


def test_what_cannot_go_along_is_reported() -> None:
    assert ADAPTER.codecs["chat"].encode(asking(seed=1, vertex={}), CLAUDE).dropped == (
        "seed=unsupported",
        "vertex=other-dialect",
    )


MESSAGE = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], "stream": True}


def test_a_request_in_anthropics_format_goes_without_its_model() -> None:
    sent = json.loads(ADAPTER.codecs["messages"].encode(request(**MESSAGE), CLAUDE).body)
    assert sent == MESSAGE | {"anthropic_version": "vertex-2023-10-16"}


def test_a_client_may_name_the_version_itself() -> None:
    sent = json.loads(ADAPTER.codecs["messages"].encode(request(**MESSAGE, anthropic_version="vertex-2"), CLAUDE).body)
    assert sent["anthropic_version"] == "vertex-2"


def test_a_count_of_tokens_names_its_model() -> None:
    sent = json.loads(ADAPTER.codecs["count_tokens"].encode(request(messages=MESSAGE["messages"]), CLAUDE).body)
    assert sent == {
        "model": "claude-haiku-4-5@20251001",
        "messages": MESSAGE["messages"],
        "anthropic_version": "vertex-2023-10-16",
    }


@pytest.mark.parametrize("operation", ["messages", "count_tokens"])
def test_only_claude_speaks_anthropics_format(operation: Any) -> None:
    serves = ADAPTER.codecs[operation].serves
    assert serves is not None
    assert (serves(CLAUDE), serves(target())) == (True, False)


def test_what_comes_back_in_that_format_is_passed_on() -> None:
    raw = msgspec.json.encode({"type": "message", "content": [], "usage": {"input_tokens": 1, "output_tokens": 2}})
    assert ADAPTER.codecs["messages"].decode(raw, CLAUDE, request()).body == raw


def test_an_error_of_claudes_is_read_as_anthropics() -> None:
    raw = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    error = ADAPTER.explain(529, (), raw)
    assert (error.status, error.message, error.retryable) == (529, "Overloaded", True)


def test_an_error_of_the_clouds_is_read_as_googles() -> None:
    raw = b'[{"error": {"code": 404, "message": "No such model", "status": "NOT_FOUND"}}]'
    assert ADAPTER.explain(404, (), raw).code == "model_not_found"


def test_a_claude_whose_answer_is_none_is_judged_as_anthropics() -> None:
    with pytest.raises(Exception) as ours:  # noqa: PT011 - the same as the other dialect's, whichever it is
        ADAPTER.codecs["chat"].decode(b"{}", CLAUDE, asking())
    with pytest.raises(type(ours.value), match=str(ours.value)):
        decode_chat(b"{}", CLAUDE, asking())
