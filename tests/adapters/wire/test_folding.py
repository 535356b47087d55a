"""Streams to whole answers and back: nothing of what was said is lost."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.folding import Unfoldable, fold, retell, unfold
from adapters.wire.usage import Usage, usage_json

USAGE = Usage(prompt_tokens=3, completion_tokens=4, cached_tokens=1)
DONE = b"data: [DONE]\n\n"

texts = st.text(st.characters(codec="utf-8"), max_size=12)
words = st.text('abcü \n"', min_size=1, max_size=12)
odds = st.lists(st.fixed_dictionaries({"token": texts, "logprob": st.floats(-9, 0)}), min_size=1, max_size=3)
calls = st.fixed_dictionaries(
    {
        "id": words,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": words, "arguments": texts}),
    }
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": words, "refusal": st.none()},
    optional={
        "tool_calls": st.lists(calls, min_size=1, max_size=3),
        "reasoning_content": words,
        "annotations": st.lists(st.fixed_dictionaries({"type": st.just("url_citation")}), min_size=1, max_size=2),
        "audio": st.fixed_dictionaries({"id": words, "data": words, "transcript": words}),
    },
)
choices = st.fixed_dictionaries(
    {
        "message": messages,
        "logprobs": st.none() | st.fixed_dictionaries({"content": odds, "refusal": st.none()}),
        "finish_reason": st.sampled_from(["stop", "length", "tool_calls"]),
    }
)
completions = st.builds(
    lambda parts, further: {
        "id": "c-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        **further,
        "choices": [{"index": index, **part} for index, part in enumerate(parts)],
    },
    st.lists(choices, min_size=1, max_size=3),
    st.fixed_dictionaries({}, optional={"service_tier": words, "system_fingerprint": words}),
)


def frames(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % msgspec.json.encode(chunk) for chunk in chunks) + DONE


def a_chunk(*choices: dict[str, Any], **further: Any) -> dict[str, Any]:
    told = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    return told | {"choices": list(choices)} | further


def a_piece(delta: dict[str, Any], finish: str | None = None, index: int = 0, **further: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish} | further


def folded(*chunks: dict[str, Any], usage: Usage | None = None) -> Any:
    return msgspec.json.decode(fold(frames(*chunks), usage))


@given(completions)
def test_what_is_unfolded_folds_to_the_same(completion: dict[str, Any]) -> None:
    body = msgspec.json.encode(completion)
    assert msgspec.json.decode(fold(unfold(body, None), None)) == completion


@given(completions)
def test_usage_goes_along(completion: dict[str, Any]) -> None:
    told = completion | {"usage": usage_json(USAGE)}
    stream = unfold(msgspec.json.encode(told), USAGE)
    assert msgspec.json.decode(fold(stream, None)) == told
    assert msgspec.json.decode(fold(unfold(msgspec.json.encode(told), None), USAGE)) == told


@given(completions)
def test_usage_is_told_to_who_asks_and_not_to_others(completion: dict[str, Any]) -> None:
    body = msgspec.json.encode(completion)
    without, with_usage = unfold(body, None), unfold(body, USAGE)
    assert b'"usage"' not in without
    assert retell(without, USAGE) == with_usage
    assert retell(with_usage, None) == without


@given(st.lists(texts, min_size=1), st.lists(texts, max_size=5), st.lists(texts, max_size=5))
def test_pieces_are_joined_in_their_order(said: list[str], thought: list[str], arguments: list[str]) -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    pieces: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"reasoning_content": text} for text in thought),
        *({"content": text} for text in said),
        {"tool_calls": [call]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": text}}]} for text in arguments),
    ]
    (choice,) = folded(*(a_chunk(a_piece(piece)) for piece in pieces), a_chunk(a_piece({}, "tool_calls")))["choices"]
    message = choice["message"]
    assert message["content"] == ("".join(said) or None)
    assert message.get("reasoning_content", "") == "".join(thought)
    assert message["tool_calls"][0] == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "".join(arguments)},
    }


def test_choices_come_apart() -> None:
    answer = folded(
        a_chunk(a_piece({"role": "assistant", "content": ""}), a_piece({"role": "assistant", "content": ""}, index=1)),
        a_chunk(a_piece({"content": "b"}, index=1)),
        a_chunk(a_piece({"content": "a"})),
        a_chunk(a_piece({}, "length", index=1)),
        a_chunk(a_piece({}, "stop")),
    )
    said = [(each["index"], each["message"]["content"], each["finish_reason"]) for each in answer["choices"]]
    assert said == [(0, "a", "stop"), (1, "b", "length")]


def test_odds_are_put_together() -> None:
    pieces = [a_chunk(a_piece({"content": word}, logprobs={"content": [{"token": word}]})) for word in "ab"]
    (choice,) = folded(*pieces, a_chunk(a_piece({}, "stop")))["choices"]
    assert choice["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}]}


def test_calls_beside_each_other_come_apart() -> None:
    calls = [
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": "2"}},
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}},
        {"index": 1, "id": "", "function": {"arguments": "3"}},
    ]
    chunks = [a_chunk(a_piece({"tool_calls": [call]})) for call in calls]
    (choice,) = folded(*chunks, a_chunk(a_piece({}, "tool_calls")))["choices"]
    assert [(call["id"], call["function"]["arguments"]) for call in choice["message"]["tool_calls"]] == [
        ("a", "1"),
        ("b", "23"),
    ]


def test_what_only_streams_have_is_left_out() -> None:
    answer = folded(a_chunk(a_piece({"content": "a"}, "stop"), obfuscation="xyz", usage=None))
    assert answer.keys() == {"id", "object", "created", "model", "choices"}
    assert answer["object"] == "chat.completion"


def test_a_completion_of_text_folds_too() -> None:
    told = {"id": "c", "object": "text_completion", "model": "m"}
    pieces = [{"index": 0, "text": word, "logprobs": None, "finish_reason": None} for word in ("a", "b")]
    end = {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}
    answer = folded(*(told | {"choices": [piece]} for piece in (*pieces, end)))
    assert answer == told | {"choices": [{"index": 0, "text": "ab", "logprobs": None, "finish_reason": "stop"}]}
    assert msgspec.json.decode(fold(unfold(msgspec.json.encode(answer), None), None)) == answer


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        DONE,
        b"data: no json\n\n",
        b"data: []\n\n",
        frames(a_chunk(a_piece({"content": "a"}))),
        frames(a_chunk(a_piece({"content": "a"}, "stop")), {"error": {"message": "x"}}),
        frames({"choices": "none"}),
        frames({"choices": [1]}),
        frames(a_chunk({"index": "0", "delta": {}})),
        frames(a_chunk(a_piece({"tool_calls": [{"index": None}]}))),
    ],
)
def test_what_is_no_whole_stream_is_not_folded(stream: bytes) -> None:
    with pytest.raises(Unfoldable):
        fold(stream, None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":1}'])
def test_what_is_no_answer_is_not_unfolded(body: bytes) -> None:
    with pytest.raises(Unfoldable):
        unfold(body, None)
