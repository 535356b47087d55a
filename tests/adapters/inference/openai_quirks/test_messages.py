"""Earlier messages as each provider takes them back; Mistral's own types judge what goes to Mistral."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistralai.client.models import ChatCompletionRequest, DocumentURLChunk, FileChunk, TextChunk, ThinkChunk
from msgspec import Raw

from adapters.inference.contract import Encoded, Target
from adapters.inference.openai import ADAPTER
from adapters.inference.openai.messages import short_id
from adapters.wire.body import parse
from adapters.wire.carried import carry
from adapters.wire.errors import UnsupportedParameter
from tests.adapters.inference.openai_quirks.answers import asked, target_of
from tests.adapters.inference.targets import target
from tests.recordings import Recording, params

CARRIED = carry("toolu_01", "anthropic", b"signature")
TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "They want the weather.",
        "tool_calls": [{"id": CARRIED, "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": CARRIED, "content": "Sunny"},
]


def encoded(provider: str, messages: list[dict[str, Any]], **fields: Any) -> Encoded:
    return ADAPTER.codecs["chat"].encode(asked(messages=messages, **fields), target_of(provider))


def sent(provider: str, messages: list[dict[str, Any]]) -> list[Any]:
    return list(json.loads(encoded(provider, messages).body)["messages"])


@pytest.mark.parametrize("provider", ["openai", "groq", "cerebras", "deepseek", "vllm"])
def test_what_ids_carry_for_other_dialects_stays_here(provider: str) -> None:
    messages = sent(provider, TURN)
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == "toolu_01"


def test_an_id_in_a_text_is_no_id() -> None:
    messages = [{"role": "user", "content": CARRIED}]
    assert sent("openai", messages) == messages


def test_messages_without_anything_of_ours_go_byte_for_byte() -> None:
    raw = b'{"model":"m","messages":[ {"role": "assistant", "content":"\\u0041","tool_calls":[{"id":"call_1"}]} ]}'
    body = ADAPTER.codecs["chat"].encode(parse(raw), target_of("openai")).body
    assert b'[ {"role": "assistant", "content":"\\u0041","tool_calls":[{"id":"call_1"}]} ]' in body


def test_messages_of_a_form_that_nobody_knows_are_left_to_the_provider() -> None:
    odd: list[Any] = [
        "text",
        {"role": "tool", "tool_call_id": 7},
        {"role": "assistant", "tool_calls": [{"id": 7}, "x"]},
    ]
    settings = target(quirks=["short_ids"])
    body = ADAPTER.codecs["chat"].encode(asked(messages=odd), settings).body
    assert json.loads(body)["messages"] == odd


@given(st.text())
def test_short_ids_have_nine_letters_and_digits(call_id: str) -> None:
    short = short_id(call_id)
    assert len(short) == 9
    assert short.isascii()
    assert short.isalnum()
    assert short_id(short) == short


def test_mistral_gets_short_ids_thinking_parts_and_nothing_that_it_refuses() -> None:
    said = encoded("mistral", [{"role": "developer", "content": "Be brief."}, *TURN], tool_choice="required")
    request = ChatCompletionRequest.model_validate_json(said.body)
    system, _, assistant, tool = request.messages
    assert system.role == "system"
    assert assistant.role == "assistant" and tool.role == "tool"  # noqa: PT018 - narrows the types
    assert assistant.tool_calls and tool.tool_call_id == assistant.tool_calls[0].id == short_id("toolu_01")  # noqa: PT018
    assert isinstance(assistant.content, list)
    assert isinstance(assistant.content[0], ThinkChunk)
    assert json.loads(said.body)["messages"][2].keys() == {"role", "content", "tool_calls"}
    assert said.dropped == ()


def test_thinking_goes_before_the_text_or_the_parts_that_were_there() -> None:
    for content in ("Sunny.", [{"type": "text", "text": "Sunny."}]):
        messages = sent("mistral", [{"role": "assistant", "reasoning_content": "Look.", "content": content}])
        thinking, text = messages[0]["content"]
        assert thinking == {"type": "thinking", "thinking": [{"type": "text", "text": "Look."}], "closed": True}
        assert text == {"type": "text", "text": "Sunny."}


@pytest.mark.parametrize(
    "recording",
    [
        case
        for case in params(providers={"mistral"}, operations={"chat"})
        if case.values[0] is None or case.values[0].request
    ],
)
def test_recorded_requests_to_mistral_stay_as_they_were(recording: Recording) -> None:
    changed = {"max_tokens": "max_completion_tokens", "random_seed": "seed"}
    fields = {changed.get(name, name): value for name, value in recording.request.items()}
    body = ADAPTER.codecs["chat"].encode(parse(json.dumps(fields).encode()), _at_mistral(fields["model"])).body
    assert json.loads(body) == recording.request


def _at_mistral(model: str) -> Target:
    return Target("mistral", model, Raw(json.dumps(model).encode()), target_of("mistral").settings, None)


def test_documents_go_to_mistral_in_its_own_parts() -> None:
    text = {"type": "text", "text": "Read."}
    files = [
        {"file_id": "f1"},
        {"file_data": "data:application/pdf;base64,QQ==", "filename": "a.pdf"},
        {"file_url": "https://a"},
    ]
    said = encoded(
        "mistral", [{"role": "user", "content": [text, *({"type": "file", "file": file} for file in files)]}]
    )
    (message,) = ChatCompletionRequest.model_validate_json(said.body).messages
    assert isinstance(message.content, list)
    assert [type(part) for part in message.content] == [TextChunk, FileChunk, DocumentURLChunk, DocumentURLChunk]
    assert json.loads(said.body)["messages"][0]["content"][2] == {
        "type": "document_url",
        "document_url": "data:application/pdf;base64,QQ==",
        "document_name": "a.pdf",
    }


def test_cerebras_gets_reasoning_under_its_own_name() -> None:
    assert sent("cerebras", TURN)[1]["reasoning"] == "They want the weather."
    assert "reasoning_content" not in sent("cerebras", TURN)[1]


def test_groq_gets_no_reasoning_and_the_client_is_told() -> None:
    said = encoded("groq", TURN)
    assert "They want" not in said.body.decode()
    assert said.dropped == ("messages[1].reasoning_content=unsupported",)


def test_a_client_that_wants_to_know_is_refused() -> None:
    body = asked(messages=TURN)
    body.on_unsupported = "refuse"
    with pytest.raises(UnsupportedParameter) as refused:
        ADAPTER.codecs["chat"].encode(body, target_of("groq"))
    assert refused.value.param == "messages[1].reasoning_content"


def test_members_for_other_dialects_are_left_out_and_reported() -> None:
    said = encoded("openai", TURN[:1], anthropic={"top_k": 1}, top_k=2)
    assert "anthropic" not in json.loads(said.body)
    assert json.loads(said.body)["top_k"] == 2
    assert said.dropped == ("anthropic=other-dialect",)


@pytest.mark.parametrize("stream", [True, False])
def test_reasoning_comes_back_to_deepseek_from_a_client_that_knows_only_openais_fields(stream: bool) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    pieces = [
        {"role": "assistant", "reasoning_content": "They want "},
        {"reasoning_content": "it."},
        {"tool_calls": [call]},
    ]
    whole = {"role": "assistant", "content": None, "reasoning_content": "They want it.", "tool_calls": [call]}
    deepseek = target_of("deepseek")
    if stream:
        answer = b"".join(
            b"data: " + json.dumps({"id": "1", "choices": [{"index": 0, "delta": piece}]}).encode() + b"\n\n"
            for piece in pieces
        )
        shown = ADAPTER.codecs["chat"].stream(deepseek, asked(stream=True)).feed(answer)
        call_id = json.loads(shown.split(b"data: ")[-1])["choices"][0]["delta"]["tool_calls"][0]["id"]
    else:
        answer = json.dumps({"choices": [{"index": 0, "message": whole, "finish_reason": "tool_calls"}]}).encode()
        shown = ADAPTER.codecs["chat"].decode(answer, deepseek, asked()).body
        call_id = json.loads(shown)["choices"][0]["message"]["tool_calls"][0]["id"]
    known = {name: whole[name] for name in ("role", "content")}
    history = [
        {**known, "tool_calls": [call | {"id": call_id}]},
        {"role": "tool", "tool_call_id": call_id, "content": ""},
    ]
    assistant, tool = sent("deepseek", history)
    assert assistant["reasoning_content"] == "They want it."
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"] == "call_1"
    assert "reasoning_content" not in sent("openai", history)[0]


def test_reasoning_that_the_client_sends_back_itself_wins() -> None:
    call = {"id": carry("call_1", "openai", b"carried"), "type": "function", "function": {"name": "f", "arguments": ""}}
    (message,) = sent("deepseek", [{"role": "assistant", "reasoning_content": "sent", "tool_calls": [call]}])
    assert message["reasoning_content"] == "sent"
