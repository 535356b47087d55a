"""What the service needs back on the next turn comes back, whatever a client keeps of an answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.inference.anthropic import ADAPTER
from adapters.wire.carried import MARK, carry
from tests.adapters.inference.anthropic.asking import ADD, CALL, HELLO, MIDDLE, NEW, dropped, sent
from tests.adapters.inference.anthropic.sdk import events_of, fold, frames
from tests.adapters.inference.anthropic.test_recordings import merged
from tests.adapters.inference.anthropic.test_stream import END, START, block, call, stop, text
from tests.adapters.inference.targets import request, target

PIECES = [{"type": "thinking_delta", "thinking": "Let me"}, {"type": "thinking_delta", "thinking": " add"}]
SIGNATURE = {"type": "signature_delta", "signature": "c2ln" * 50}
EVENTS = [
    START,
    *block(0, {"type": "thinking", "thinking": "", "signature": ""}, *PIECES, SIGNATURE),
    *block(1, {"type": "redacted_thinking", "data": "c2VhbGVk"}),
    *text(2, "I add"),
    *call(3, '{"a": 1}'),
    *block(4, {"type": "thinking", "thinking": "", "signature": ""}, SIGNATURE),
    *call(5, '{"a": 2}'),
    stop("tool_use"),
    END,
]
FIRST = {"type": "thinking", "thinking": "Let me add", "signature": "c2ln" * 50}
SEALED = {"type": "redacted_thinking", "data": "c2VhbGVk"}
SECOND = {"type": "thinking", "thinking": "", "signature": "c2ln" * 50}
SAID = {"type": "text", "text": "I add"}
CALLS = [
    {"type": "tool_use", "id": f"toolu_{index}", "name": "add", "input": {"a": a}} for index, a in ((3, 1), (5, 2))
]
OPENAIS = ("role", "content", "tool_calls")


def unary() -> Any:
    whole = json.dumps(fold(EVENTS)).encode()
    return json.loads(ADAPTER.codecs["chat"].decode(whole, target(NEW), request()).body)["choices"][0]["message"]


def streamed() -> Any:
    stream = ADAPTER.codecs["chat"].stream(target(NEW), request(stream=True, stream_options={"include_usage": True}))
    out = stream.feed(frames(EVENTS)) + stream.close()
    return merged(events_of(out.removesuffix(b"data: [DONE]\n\n")))["message"]


def next_turn(message: Any) -> list[Any]:
    results = [{"role": "tool", "tool_call_id": each["id"], "content": "3"} for each in message["tool_calls"]]
    return [*HELLO, message, *results]


@pytest.mark.parametrize("answer", [unary, streamed])
def test_a_client_that_knows_openais_fields_only_brings_thoughts_back_in_their_places(
    answer: Callable[[], Any],
) -> None:
    message = answer()
    plain = {name: message[name] for name in OPENAIS}
    told = sent(NEW, messages=next_turn(plain), tools=[ADD])["messages"]
    assert told[1]["content"] == [FIRST, SEALED, SAID, CALLS[0], SECOND, CALLS[1]]
    assert [each["tool_use_id"] for each in told[2]["content"]] == ["toolu_3", "toolu_5"]
    assert dropped(NEW, messages=next_turn(plain), tools=[ADD]) == ()


@pytest.mark.parametrize("answer", [unary, streamed])
def test_a_client_that_sends_details_back_brings_thoughts_back_once(answer: Callable[[], Any]) -> None:
    message = answer()
    told = sent(NEW, messages=next_turn(message), tools=[ADD])["messages"]
    assert told[1]["content"] == [FIRST, SEALED, SECOND, SAID, *CALLS]
    assert dropped(NEW, messages=next_turn(message), tools=[ADD]) == ()


def test_details_count_more_than_what_ids_carry() -> None:
    message = unary()
    message["reasoning_details"] = message["reasoning_details"][:1]
    assert sent(NEW, messages=next_turn(message), tools=[ADD])["messages"][1]["content"] == [FIRST, SAID, *CALLS]


def test_ids_carry_only_what_came_before_their_call() -> None:
    first, second = (each["id"] for each in unary()["tool_calls"])
    assert first.startswith(f"toolu_3{MARK}anthropic__")
    assert second.startswith(f"toolu_5{MARK}anthropic__")
    assert len(second) < len(first)


CALLED_BY_ANOTHER = [
    *HELLO,
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "toolu_1", "content": "3"},
]


def test_after_a_call_without_its_thoughts_a_model_with_a_budget_does_not_think() -> None:
    asked: Any = {"messages": CALLED_BY_ANOTHER, "tools": [ADD], "reasoning_effort": "high"}
    assert "thinking" not in sent(MIDDLE, **asked)
    assert dropped(MIDDLE, **asked) == ("reasoning_effort=unsupported",)


def test_after_a_call_without_its_thoughts_a_model_without_a_budget_thinks() -> None:
    asked: Any = {"messages": CALLED_BY_ANOTHER, "tools": [ADD], "reasoning_effort": "high"}
    assert sent(NEW, **asked)["thinking"]["type"] == "adaptive"


@pytest.mark.parametrize(
    "messages",
    [lambda: [*CALLED_BY_ANOTHER, {"role": "assistant", "content": "3"}, *HELLO], lambda: next_turn(unary())],
    ids=["the turn is over", "the thoughts are there"],
)
def test_a_model_with_a_budget_thinks(messages: Callable[[], list[Any]]) -> None:
    asked: Any = {"messages": messages(), "tools": [ADD], "reasoning_effort": "high"}
    assert sent(MIDDLE, **asked)["thinking"]["type"] == "enabled"


def answered(**further: Any) -> Any:
    messages = [*HELLO, {"role": "assistant", "content": "Hi", **further}, *HELLO]
    return sent(NEW, messages=messages)["messages"][1]["content"]


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "reasoning.text", "text": "Hm", "signature": "x", "format": "google-gemini-v1"},
        {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"},
        {"type": "reasoning.text", "text": "Hm"},
        {"type": "reasoning.text", "text": "Hm", "signature": None},
        {"type": "reasoning.summary", "summary": "Hm"},
        {"type": "anthropic.block", "block": "x"},
        {},
    ],
)
def test_details_of_other_services_or_without_a_signature_stay_out(detail: Any) -> None:
    assert answered(reasoning_details=[detail]) == [{"type": "text", "text": "Hi"}]


def test_details_need_no_format() -> None:
    assert answered(reasoning_details=[{"type": "reasoning.text", "signature": "x"}])[0] == {
        "type": "thinking",
        "thinking": "",
        "signature": "x",
    }


def test_blocks_of_the_services_own_tools_come_back_as_they_were() -> None:
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    detail = {"type": "anthropic.block", "block": found, "format": "anthropic-claude-v1", "index": 3}
    assert answered(reasoning_details=[detail]) == [found, {"type": "text", "text": "Hi"}]


@pytest.mark.parametrize(("dialect", "state"), [("gemini", b"[]"), ("anthropic", b"{}"), ("anthropic", b"[1]")])
def test_state_of_other_dialects_and_spoiled_state_stay_out(dialect: str, state: bytes) -> None:
    call_id = carry("toolu_1", dialect, state)
    message = {"role": "assistant", "tool_calls": [{"id": call_id, "function": {"name": "add", "arguments": "{}"}}]}
    messages = [*HELLO, message, {"role": "tool", "tool_call_id": call_id, "content": "3"}]
    told = sent(NEW, messages=messages, tools=[ADD])["messages"]
    assert told[1]["content"] == [{"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}]
    assert told[2]["content"][0]["tool_use_id"] == "toolu_1"
