"""Thoughts of other models go out as thinking blocks and come back as their provider wants them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.messages.bridge import bridge, direct
from adapters.messages.request import asked_of
from adapters.messages.thoughts import ANTHROPIC, OURS, Thought, for_anthropic, read, sign
from adapters.wire.carried import carry
from tests.adapters.inference.targets import target
from tests.adapters.messages.asking import HELLO, PLAIN, TRANSLATED, answer, completion, request

CLAUDES = {"type": "thinking", "thinking": "Hm", "signature": "of-anthropic"}
CLAUDES_SEALED = {"type": "redacted_thinking", "data": "of-anthropic"}


def second_turn(content: Any, **fields: Any) -> Any:
    """A request that brings an answer back."""
    return request(messages=[*HELLO, {"role": "assistant", "content": content}, *HELLO], **fields)


def sent_back(content: Any) -> Any:
    """The answer, as its provider gets it back."""
    encoded = PLAIN.encode(second_turn(content), target())
    assert encoded.dropped == ()
    return json.loads(encoded.body)["messages"][1]


DETAILS: list[Any] = [
    {"type": "reasoning.text", "text": "one", "signature": "s1", "format": "other-v1", "index": 0},
    {"type": "reasoning.summary", "summary": "two", "index": 1},
    {"type": "reasoning.encrypted", "data": "sealed", "format": ANTHROPIC, "id": "r1"},
    {"type": "of.tomorrow", "thing": [1]},
]


@pytest.mark.parametrize("display", ["summarized", "omitted"])
@pytest.mark.parametrize(
    "thought",
    [
        {"reasoning_content": "one"},
        {"reasoning": "one"},
        {"reasoning_details": DETAILS},
        {"reasoning": "onetwo", "reasoning_details": DETAILS},
    ],
)
def test_the_provider_that_thought_gets_its_thoughts_back(thought: Any, display: str) -> None:
    asked = {"thinking": {"type": "adaptive", "display": display}}
    content = answer({"content": "a"} | thought, asked=asked)["content"]
    assert sent_back(content) == {"role": "assistant", "content": "a"} | thought


@given(st.text(min_size=1))
def test_any_text_comes_back(text: str) -> None:
    content = answer({"content": "a", "reasoning_content": text})["content"]
    assert sent_back(content)["reasoning_content"] == text


@pytest.mark.parametrize(
    "block",
    [
        CLAUDES,
        CLAUDES_SEALED,
        {"type": "thinking", "thinking": "Hm", "signature": ""},
        {"type": "thinking", "thinking": "Hm", "signature": sign(Thought("another", "reasoning_content"))},
        {"type": "thinking", "thinking": "Hm", "signature": OURS + "spoiled"},
        {"type": "redacted_thinking", "data": sign(Thought("another", None, DETAILS[2]))},
    ],
)
def test_any_other_does_not_get_them(block: Any) -> None:
    encoded = PLAIN.encode(second_turn([block, {"type": "text", "text": "a"}]), target())
    assert json.loads(encoded.body)["messages"][1] == {"role": "assistant", "content": "a"}
    assert encoded.dropped == ("messages[1].content[0]=other-dialect",)


def test_anthropics_own_reach_dialects_that_translate() -> None:
    body = second_turn([CLAUDES, CLAUDES_SEALED, {"type": "text", "text": "a"}])
    told = asked_of(body, target(), plain=False).body.fields["messages"]
    assert json.loads(bytes(told))[1]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm", "signature": "of-anthropic", "format": ANTHROPIC, "index": 0},
        {"type": "reasoning.encrypted", "data": "of-anthropic", "format": ANTHROPIC, "index": 1},
    ]


def test_anthropics_own_go_out_as_they_are_where_a_cloud_carries_claude() -> None:
    thoughts = [CLAUDES, CLAUDES_SEALED]
    body = {"type": "message", "id": "m", "role": "assistant", "content": [*thoughts, {"type": "text", "text": "a"}]}
    whole = body | {"stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}
    told = TRANSLATED.decode(json.dumps(whole).encode(), target("claude-sonnet-4-5"), request())
    assert json.loads(told.body)["content"][:2] == thoughts


# Anthropic itself


def kept(*content: Any) -> Any:
    """What is left of an answer on its way to Anthropic."""
    messages = [*HELLO, {"role": "assistant", "content": list(content)}, {"role": "user", "content": "b"}, 3]
    return json.loads(bytes(for_anthropic(Raw(json.dumps(messages[:3]).encode()))))[1:-1]


def test_nothing_of_ours_reaches_anthropic() -> None:
    ours = {"type": "thinking", "thinking": "Hm", "signature": sign(Thought("p", "reasoning"))}
    text = {"type": "text", "text": "a"}
    assert kept(ours, "odd", text) == [{"role": "assistant", "content": ["odd", text]}]
    assert kept(ours, CLAUDES) == [{"role": "assistant", "content": [CLAUDES]}]


def test_a_turn_of_thoughts_alone_is_left_out() -> None:
    assert kept({"type": "redacted_thinking", "data": sign(Thought("p", None, DETAILS[3]))}) == []
    assert kept({"type": "redacted_thinking", "data": OURS + "spoiled"}) == []


@pytest.mark.parametrize("text", [None, "Hm"])
def test_anthropic_gets_its_own_back_from_what_is_ours(text: str | None) -> None:
    detail = {"type": "reasoning.text", "signature": "of-anthropic", "format": ANTHROPIC}
    shown = {"type": "thinking", "thinking": "Hm" if text is None else ""}
    ours = shown | {"signature": sign(Thought("p", None, detail, text))}
    assert kept(ours) == [{"role": "assistant", "content": [CLAUDES]}]
    sealed = {"type": "reasoning.encrypted", "data": "of-anthropic", "format": ANTHROPIC}
    ours = {"type": "redacted_thinking", "data": sign(Thought("p", None, sealed))}
    assert kept(ours) == [{"role": "assistant", "content": [CLAUDES_SEALED]}]


@pytest.mark.parametrize("raw", [b'[{"role": "user", "content": "a"}]', b'"%s"' % OURS.encode(), b"[]"])
def test_messages_without_thoughts_stay_byte_for_byte(raw: bytes) -> None:
    given = Raw(raw)
    assert for_anthropic(given) is given


def test_the_clients_body_stays_what_it_is() -> None:
    seen = []
    codec = bridge(PLAIN)
    body = second_turn([{"type": "thinking", "thinking": "Hm", "signature": sign(Thought("p"))}])
    given = body.fields["messages"]

    def note(asked: Any, to: Any) -> Any:
        seen.append(asked)

    from msgspec.structs import replace

    wrapped = direct(replace(codec, encode=note))
    wrapped.encode(body, target())
    assert body.fields["messages"] is given
    assert b"thinking" not in bytes(seen[0].fields["messages"])
    nothing = request()
    del nothing.fields["messages"]
    wrapped.encode(nothing, target())
    assert seen[1] is nothing


# Signatures


def test_what_is_no_thought_is_not_read() -> None:
    assert read(carry("", "messages", b"{")) is None
    assert read(carry("", "messages", b"[]")) is None
    assert read("of-anthropic") is None


def test_a_completion_is_what_its_parts_say() -> None:
    assert json.loads(completion({"content": "a"}))["choices"][0]["message"]["content"] == "a"
