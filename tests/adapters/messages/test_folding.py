"""Streams of the Messages format to whole answers and back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.messages.blocks import event
from adapters.messages.folding import fold, retell, unfold
from adapters.wire.folding import Unfoldable

texts = st.text(st.characters(codec="utf-8"), max_size=12)
blocks = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": texts, "citations": st.lists(st.just({"type": "x"}), min_size=1, max_size=2)}
    ),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": texts, "signature": texts}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": texts}),
    st.fixed_dictionaries(
        {
            "type": st.just("tool_use"),
            "id": texts,
            "name": texts,
            "input": st.dictionaries(texts, st.integers(0, 9) | texts, max_size=2),
        }
    ),
)
answers = st.builds(
    lambda content, stop: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    },
    st.lists(blocks, max_size=4),
    st.sampled_from(["end_turn", "tool_use", "max_tokens"]),
)


@given(answers)
def test_what_is_unfolded_folds_to_the_same(answer: dict[str, Any]) -> None:
    stream = unfold(msgspec.json.encode(answer), None)
    assert msgspec.json.decode(fold(stream, None)) == answer
    assert retell(stream, None) == stream


def test_pieces_are_joined() -> None:
    def delta(index: int, kind: str, **said: Any) -> bytes:
        return event("content_block_delta", {"index": index, "delta": {"type": kind, **said}})

    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 3},
    }
    stream = (
        event("message_start", {"message": message})
        + event("ping", {})
        + b": a comment\n\n"
        + event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
        + delta(0, "text_delta", text="a")
        + delta(0, "text_delta", text="b")
        + event("content_block_stop", {"index": 0})
        + event("content_block_start", {"index": 1, "content_block": {"type": "tool_use", "input": {}}})
        + delta(1, "input_json_delta", partial_json='{"a"')
        + delta(1, "input_json_delta", partial_json=":1}")
        + event("content_block_stop", {"index": 1})
        + event("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}})
        + event("message_stop", {})
    )
    answer = msgspec.json.decode(fold(stream, None))
    assert answer["content"] == [{"type": "text", "text": "ab"}, {"type": "tool_use", "input": {"a": 1}}]
    assert (answer["stop_reason"], answer["usage"]) == ("tool_use", {"input_tokens": 3, "output_tokens": 5})


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"data: no json\n\n",
        b"data: []\n\n",
        event("message_start", {}),
        event("message_start", {"message": {"content": []}}),
        event("content_block_delta", {"index": 7, "delta": {}}),
        event("error", {"error": {}}),
    ],
)
def test_what_is_no_whole_stream_is_not_folded(stream: bytes) -> None:
    with pytest.raises(Unfoldable):
        fold(stream, None)


def test_a_delta_that_nobody_knows_is_not_left_out() -> None:
    start = event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    with pytest.raises(Unfoldable, match="new_delta"):
        fold(start + event("content_block_delta", {"index": 0, "delta": {"type": "new_delta"}}), None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content":[{}]}', b'{"content":7}'])
def test_what_is_no_message_is_not_unfolded(body: bytes) -> None:
    with pytest.raises(Unfoldable):
        unfold(body, None)
