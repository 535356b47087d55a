"""What an answer looks like is no proof of its end, except of chat's own."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.layers.cache.complete import is_complete

_texts = st.sampled_from(["", "hello", '"', '"finish_reason":"stop"', '"message":{"role":"assistant","content":"x'])
_messages: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | _texts},
    optional={"refusal": st.none() | _texts, "annotations": st.just([]), "audio": st.just({"content": "x"})},
)
_choices: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {
        "index": st.just(0),
        "message": _messages,
        "finish_reason": st.sampled_from(["stop", "length", "content_filter", None]),
    }
)


@given(_choices, _texts)
def test_what_is_seen_without_reading_is_what_reading_finds(choice: object, prompt: str) -> None:
    answer = {"id": "1", "choices": [choice], "prompt": prompt, "usage": {"prompt_tokens": 1}}
    compact = json.dumps(answer, separators=(",", ":")).encode()
    read = json.dumps(answer, separators=(", ", ": ")).encode()
    assert is_complete("chat", compact, False) is is_complete("chat", read, False)


def test_an_answer_that_was_cut_after_its_first_quote_is_not_kept() -> None:
    assert not is_complete("chat", b'{"choices":[{"message":{"role":"assistant","content":"', False)


def test_a_refusal_is_not_kept_for_what_a_tool_is_given() -> None:
    tool = b'{"type":"tool_use","id":"t","name":"n","input":{"content":"x","finish_reason":"stop"}}'
    assert not is_complete("messages", b'{"stop_reason":"refusal","content":[%b]}' % tool, False)


def test_an_empty_answer_is_not_kept_for_what_it_cites() -> None:
    message = b'{"citations":[{"content":"cited"}],"content":""}'
    assert not is_complete("chat", b'{"choices":[{"message":%b,"finish_reason":"stop"}]}' % message, False)
