"""Two turns: what a client brings back of the first is what Gemini said in it."""

import json
from typing import Any

import pytest

from adapters.inference.gemini import ADAPTER
from tests.adapters.inference.gemini.exchanges import aim, answered, asking, gathered, recorded, stream_of
from tests.recordings import Recording

CHAT = ADAPTER.codecs["chat"]
SIGNED = recorded("chat", only=lambda each: "thoughtSignature" in json.dumps(each.answer))


def parts_of(recording: Recording) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = answered(recording)["candidates"][0]["content"]["parts"]
    return parts


def second_turn(message: dict[str, Any], *known: str) -> list[dict[str, Any]]:
    """What goes to Gemini as said before, where a client keeps only the fields that it knows."""
    brought = {name: value for name, value in message.items() if name in ("role", "content", *known)}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "1"} for call in message.get("tool_calls", ())]
    messages = [{"role": "user", "content": "Hello"}, brought, *results, {"role": "user", "content": "And?"}]
    body = json.loads(CHAT.encode(asking(messages=messages), aim(model="gemini-2.5-flash")).body)
    (said,) = (each["parts"] for each in body["contents"] if each["role"] == "model")
    assert isinstance(said, list)
    return said


@pytest.mark.parametrize("recording", SIGNED)
def test_all_that_was_signed_goes_back_as_it_came(recording: Recording) -> None:
    raw = json.dumps(answered(recording)).encode()
    message = json.loads(CHAT.decode(raw, aim(), asking()).body)["choices"][0]["message"]
    before = [part for part in parts_of(recording) if not part.get("thought")]
    assert second_turn(message, "tool_calls", "reasoning_details") == before


@pytest.mark.parametrize(
    "recording", [each for each in SIGNED if each.values[0] and "functionCall" in json.dumps(each.values[0].answer)]
)
def test_signed_calls_go_back_as_they_came_though_the_client_knows_openais_fields_alone(recording: Recording) -> None:
    raw = json.dumps(answered(recording)).encode()
    message = json.loads(CHAT.decode(raw, aim(), asking()).body)["choices"][0]["message"]
    before = [part for part in parts_of(recording) if not part.get("thought")]
    assert second_turn(message, "tool_calls") == before


@pytest.mark.parametrize("recording", recorded("chat", True, lambda each: each.case.endswith(("12f7f", "311ba"))))
def test_a_streams_signatures_go_back_too(recording: Recording) -> None:
    decoder = CHAT.stream(aim(), asking(stream=True))
    message = gathered(decoder.feed(stream_of(recording)) + decoder.close())["message"]
    said = second_turn(message, "tool_calls", "reasoning_details")
    signatures = [part["thoughtSignature"] for part in said if "thoughtSignature" in part]
    assert signatures
    assert all(signature.encode() in stream_of(recording) for signature in signatures)
