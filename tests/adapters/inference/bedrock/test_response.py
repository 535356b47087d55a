"""Converse's answers in OpenAI's format: every kind of block, and what the next turn needs back."""

import json
from typing import Any

import pytest

from adapters.inference.bedrock.response import decode as decode_answer
from adapters.wire.carried import carry
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.bedrock.asking import (
    CLAUDE,
    FORMAT,
    HELLO,
    NOVA,
    TOOL,
    answered,
    body,
    decode,
    encode,
    said,
    sent,
    target,
)
from tests.adapters.inference.bedrock.judge import judged, parsed

Block = dict[str, Any]

THOUGHT: Block = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}
REDACTED: Block = {"reasoningContent": {"redactedContent": "ZW5jcnlwdGVk"}}
CALL: Block = {"toolUse": {"toolUseId": "tooluse_1", "name": "look", "input": {"at": "x"}, "type": "tool_use"}}
OTHER_CALL: Block = {"toolUse": {"toolUseId": "tooluse_2", "name": "look", "input": {}}}
ANSWER_CALL: Block = {"toolUse": {"toolUseId": "tooluse_3", "name": "answer_in_json", "input": {"city": "Rome"}}}
SERVED: Block = {
    "toolUse": {"toolUseId": "srv_1", "name": "nova_code_interpreter", "input": {"a": 1}, "type": "server_tool_use"}
}
SERVED_RESULT: Block = {"toolResult": {"toolUseId": "srv_1", "content": [{"json": {"out": "2"}}], "status": "success"}}
RESULT = {"role": "tool", "content": "seen"}


def next_turn(blocks: list[dict[str, Any]], model: str = CLAUDE, keep: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The blocks of the assistant's turn as they go back from a client that keeps OpenAI's own fields, and `keep`."""
    message = said(answered(blocks, "tool_use"), model)
    kept = {name: message[name] for name in ("role", "content", "tool_calls", *keep) if name in message}
    results = [RESULT | {"tool_call_id": call["id"]} for call in kept["tool_calls"]]
    encoded = encode(model, messages=[*HELLO, kept, *results], tools=[TOOL])
    assert encoded.dropped == ()
    turns: list[dict[str, Any]] = judged(encoded.body, model)["messages"]
    content: list[dict[str, Any]] = turns[1]["content"]
    return content


def bare(call: dict[str, Any]) -> dict[str, Any]:
    """A call as requests have it."""
    return {"toolUse": {name: value for name, value in call["toolUse"].items() if name != "type"}}


def test_text_blocks_are_one_content() -> None:
    assert said(answered([{"text": "One "}, {"text": "two"}]))["content"] == "One two"


def test_a_call_has_its_arguments_as_they_came() -> None:
    raw = answered([CALL], "tool_use").replace(b'{"at": "x"}', b'{"at":1e3, "n": 12345678901234567890}')
    message = said(raw)
    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {
        "name": "look",
        "arguments": '{"at":1e3, "n": 12345678901234567890}',
    }
    assert message["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "stop"),
        ("tool_use", "stop"),
        ("something_new", "stop"),
    ],
)
def test_reasons_to_stop_are_openais(stop: str, reason: str) -> None:
    assert said(answered([{"text": "Hi"}], stop))["finish_reason"] == reason


def test_the_prompts_tokens_include_those_of_the_cache() -> None:
    usage = {
        "inputTokens": 10,
        "outputTokens": 3,
        "totalTokens": 1013,
        "cacheReadInputTokens": 600,
        "cacheWriteInputTokens": 400,
    }
    answer = decode(answered([{"text": "Hi"}], usage=usage))
    assert answer.usage == Usage(1_010, 3, cached_tokens=600, cache_write_tokens=400)
    assert json.loads(answer.body)["usage"]["prompt_tokens_details"] == {
        "cached_tokens": 600,
        "cache_write_tokens": 400,
    }


def test_an_answer_that_tells_no_usage_is_left_to_be_counted() -> None:
    assert decode(answered([{"text": "Hi"}], usage=None)).usage is None


def test_tier_and_trace_are_told() -> None:
    trace = {"guardrail": {"modelOutput": ["x"]}}
    told = json.loads(decode(answered([{"text": "Hi"}], serviceTier={"type": "flex"}, trace=trace)).body)
    assert (told["service_tier"], told["bedrock"]) == ("flex", {"trace": trace})


def test_kinds_and_members_that_nobody_knows_are_ignored() -> None:
    blocks = [{"hologram": {"x": 1}}, {"text": "Hi", "mood": 1}, {"image": {"format": "png"}}]
    assert said(answered(blocks, novelty=[1]))["content"] == "Hi"


def test_pictures_are_shown() -> None:
    message = said(answered([{"image": {"format": "webp", "source": {"bytes": "YQ=="}}}]), NOVA)
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,YQ=="}}]


def test_sources_tell_which_text_they_stand_behind() -> None:
    web = {"location": {"web": {"url": "https://example.com", "domain": "example.com"}}}
    document = {"title": "facts", "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 9}}}
    blocks = [
        {"text": "Well: "},
        {"citationsContent": {"content": [{"text": "true"}, {"text": "."}], "citations": [web, document]}},
        {"citationsContent": {"content": [{"text": "!"}], "citations": [{}]}},
    ]
    parsed(answered(blocks))
    message = said(answered(blocks))
    assert message["content"] == "Well: true.!"
    assert message["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": 6,
                "end_index": 11,
                "url": "https://example.com",
                "title": "example.com",
            },
        },
        {"type": "document_citation", "document_citation": {"start_index": 6, "end_index": 11} | document},
        {"type": "document_citation", "document_citation": {"start_index": 11, "end_index": 12}},
    ]


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"stopReason":5}', b'{"message":"Too many"}', b'{"output":{}}'])
def test_what_is_no_answer_is_the_providers_fault(raw: bytes) -> None:
    with pytest.raises(UpstreamError):
        decode(raw)


# Thoughts


def test_thoughts_are_told_in_clear_and_with_their_proof() -> None:
    message = said(answered([THOUGHT, REDACTED, {"text": "Hi"}]))
    assert message["reasoning_content"] == "Hm."
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "ZW5jcnlwdGVk", "format": "anthropic-claude-v1", "index": 1},
    ]


def test_a_kind_of_thought_that_nobody_knows_is_an_empty_one() -> None:
    assert said(answered([{"reasoningContent": {"newKind": 1}}, {"text": "Hi"}]))["content"] == "Hi"


@pytest.mark.parametrize("keep", [(), ("reasoning_details",), ("reasoning_content", "reasoning_details")])
def test_thoughts_go_back_before_the_call_they_led_to(keep: tuple[str, ...]) -> None:
    blocks = [THOUGHT, REDACTED, {"text": "Let me look."}, CALL]
    assert next_turn(blocks, keep=keep) == [THOUGHT, REDACTED, {"text": "Let me look."}, bare(CALL)]


def test_thoughts_between_calls_go_back_between_them() -> None:
    other = {"reasoningContent": {"reasoningText": {"text": "And?", "signature": "c2lnMg=="}}}
    assert next_turn([THOUGHT, CALL, other, OTHER_CALL]) == [THOUGHT, bare(CALL), other, bare(OTHER_CALL)]


def test_what_the_service_ran_itself_goes_back_and_is_no_call_of_the_clients() -> None:
    blocks = [SERVED, SERVED_RESULT, CALL]
    assert [call["id"].startswith("tooluse_1") for call in said(answered(blocks), NOVA)["tool_calls"]] == [True]
    assert next_turn(blocks, NOVA) == [SERVED, SERVED_RESULT, bare(CALL)]


def test_what_a_client_kept_wins_over_what_the_id_carried() -> None:
    message = said(answered([THOUGHT, SERVED, SERVED_RESULT, CALL], "tool_use"))
    del message["finish_reason"]
    message["reasoning_details"] = [message["reasoning_details"][0] | {"signature": "b3RoZXI="}]
    asked = sent(messages=[*HELLO, message], tools=[TOOL])
    assert [
        block.get("reasoningContent", {}).get("reasoningText", {}).get("signature")
        for block in asked["messages"][1]["content"]
    ] == ["b3RoZXI=", None, None, None]


def test_a_signed_thought_without_words_goes_back_too() -> None:
    detail = {"type": "reasoning.text", "text": None, "signature": "c2ln"}
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [detail, {"type": "reasoning.summary"}]}
    asked = sent(messages=[*HELLO, message, *HELLO])
    kept = {"reasoningText": {"text": "", "signature": "c2ln"}}
    assert asked["messages"][1]["content"][0] == {"reasoningContent": kept}


def test_thoughts_without_proof_do_not_go_back() -> None:
    blocks = [{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, CALL]
    assert next_turn(blocks, "openai.gpt-oss-120b-1:0") == [bare(CALL)]


def test_thoughts_of_another_model_do_not_go_along() -> None:
    message = said(answered([THOUGHT, CALL], "tool_use"))
    for model, details in ((NOVA, ()), (NOVA, ("reasoning_details",))):
        kept = {name: message[name] for name in ("role", "content", "tool_calls", *details)}
        asked = sent(model, messages=[*HELLO, kept], tools=[TOOL])
        assert [list(block) for block in asked["messages"][1]["content"]] == [["toolUse"]]


@pytest.mark.parametrize("state", [b"no JSON", b'{"a":1}'])
def test_a_state_that_can_not_be_read_any_more_is_left_out(state: bytes) -> None:
    call = {"id": carry("tooluse_1", "bedrock", state), "function": {"name": "look", "arguments": "{}"}}
    asked = sent(messages=[*HELLO, {"role": "assistant", "tool_calls": [call | {"type": "function"}]}], tools=[TOOL])
    assert [list(block) for block in asked["messages"][1]["content"]] == [["toolUse"]]


# Answers in a form


def test_what_the_answers_tool_was_given_is_the_answer() -> None:
    message = said(answered([{"text": "Here:"}, ANSWER_CALL], "tool_use"), NOVA, response_format=FORMAT)
    assert (json.loads(message["content"]), message["finish_reason"]) == ({"city": "Rome"}, "stop")
    assert "tool_calls" not in message


def test_the_first_answer_counts() -> None:
    again = {"toolUse": ANSWER_CALL["toolUse"] | {"input": {"city": "Oslo"}}}
    message = said(answered([ANSWER_CALL, again], "tool_use"), NOVA, response_format=FORMAT)
    assert json.loads(message["content"]) == {"city": "Rome"}


def test_other_tools_may_be_called_instead() -> None:
    message = said(answered([CALL], "tool_use"), NOVA, response_format=FORMAT, tools=[TOOL])
    assert (message["content"], message["finish_reason"]) == (None, "tool_calls")


@pytest.mark.parametrize("text", ["no JSON", '{"city": 5}'])
def test_an_answer_that_does_not_fit_is_the_providers_fault(text: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        decode(answered([{"text": text}]), response_format=FORMAT)
    assert raised.value.code == "invalid_structured_output"


def test_an_answer_that_was_cut_is_not_judged() -> None:
    assert said(answered([{"text": '{"ci'}], "max_tokens"), response_format=FORMAT)["content"] == '{"ci'


def test_ids_are_made_up_anew() -> None:
    raw = answered([{"text": "Hi"}])
    ids = {json.loads(decode_answer(raw, target(), body()).body)["id"] for _ in range(3)}
    assert len(ids) == 3
