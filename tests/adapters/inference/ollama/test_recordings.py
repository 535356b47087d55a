"""The dialect against recorded traffic of Ollama's own API."""

import json
from typing import Any

import pytest

from adapters.inference.ollama import ADAPTER
from adapters.wire.usage import Usage
from tests.adapters.inference.folding import fold, plain
from tests.adapters.inference.ollama.service import judged, lines_of, target, whole
from tests.adapters.inference.targets import request
from tests.recordings import SPLIT_SIZES, Recording, params

CHAT = ADAPTER.codecs["chat"]


def recorded(streamed: bool = False) -> list[Any]:
    found = params(providers=["ollama"], operations=["chat"], streamed=streamed)
    return [each for each in found if each.values[0] is None or "/api/chat" in (each.values[0].url or "")]


HI = {"role": "user", "content": "Hey! How are you?"}
WEATHER = {"name": "get_current_weather", "arguments": '{"location": "San Francisco"}'}

# The request that a client of OpenAI's would have written, and what then differs from the recorded one.
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ollama/chat-reasoning-qwen3-6-latest-3bc3e": (
        {
            "messages": [{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}],
            "temperature": 0,
            "seed": 42,
        },
        {"tools": []},  # the package writes an empty list
    ),
    "ollama/chat-text-gemma3-1b-730ac": (
        {"messages": [{"role": "user", "content": "Hello, this is a test for model attribute."}]},
        {"tools": []},
    ),
    "ollama/chat-tool-result-llama3-1-04556": (
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": WEATHER}]},
                {
                    "role": "tool",
                    "tool_call_id": "a",
                    "content": "The weather in San Francisco is 70 degrees and sunny.",
                },
            ]
        },
        # An older package writes what is not set, and knows neither ids nor names of results.
        {"tools": [], "format": "", "options": {}, "keep_alive": None},
    ),
    "ollama/chat-stream-text-llama3-2-f361b": (
        {"messages": [HI], "stream": True, "temperature": 0},
        {"temperature": 0.0},  # the recorded client put it where Ollama does not look
    ),
}


@pytest.mark.parametrize("recording", [*recorded(), *recorded(streamed=True)])
def test_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    asked, further = ASKED[recording.case]
    encoded = CHAT.encode(request(**asked), target(recording.request["model"]))
    sent = judged(encoded.body)
    for message in sent["messages"]:
        message.pop("tool_name", None)
        message.pop("tool_call_id", None)
        for call in message.get("tool_calls", ()):
            del call["id"]
    expected = {name: value for name, value in recording.request.items() if name not in further}
    if "temperature" in further:
        expected["options"] = {"temperature": 0}
    assert sent == expected
    assert encoded.dropped == ()


@pytest.mark.parametrize("recording", recorded())
def test_whole_answers_say_what_ollama_said(recording: Recording) -> None:
    answer = CHAT.decode(recording.body, target(), request())
    (choice,) = json.loads(answer.body)["choices"]
    told = recording.answer
    assert choice["message"]["content"] == told["message"]["content"]
    assert choice["message"].get("reasoning_content") == told["message"].get("thinking")
    assert choice["finish_reason"] == told["done_reason"]
    assert answer.usage == Usage(told["prompt_eval_count"], told["eval_count"])


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", recorded(streamed=True))
def test_streams_amount_to_the_whole_answer(recording: Recording, size: int) -> None:
    assert recording.raw is not None
    asked = request(stream=True, stream_options={"include_usage": True})
    decoder = CHAT.stream(target(), asked)
    shown = b"".join(map(decoder.feed, recording.cut(size))) + decoder.close()
    lines = lines_of(recording.raw)
    expected = CHAT.decode(json.dumps(whole(lines)).encode(), target(), request())
    assert fold(shown) == plain(json.loads(expected.body))
    assert fold(shown)["choices"][0]["message"]["content"] == "".join(line["message"]["content"] for line in lines)
    assert decoder.usage == expected.usage == Usage(31, 51)
