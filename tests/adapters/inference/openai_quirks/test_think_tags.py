"""Thoughts in tags at the beginning of a text, cut anywhere."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.openai.quirks.tags import TagSplitter
from tests.adapters.inference.openai_quirks.answers import asked, of_stream, streamed
from tests.adapters.inference.targets import target

TEXTS = [
    ("<think>a<b</think>c", "a<b", "c"),
    ("\n<think>\n a\n</think>\n\nc </think> d", "a\n", "c </think> d"),
    ("<thinking>a</think>b</thinking>c", "a</think>b", "c"),
    ("<reasoning>a</reasoning>", "a", ""),
    ("<think></think>c", "", "c"),
    ("<think>never ends</thi", "never ends</thi", ""),
    ("<think>  ", "", ""),
    ("<thin", "", "<thin"),
    ("<thinner>a", "", "<thinner>a"),
    (" a <think>b</think>", "", " a <think>b</think>"),
    ("  ", "", "  "),
    ("", "", ""),
]


def split(pieces: list[str]) -> tuple[str, str]:
    tags = TagSplitter()
    told = [*map(tags.feed, pieces), tags.close()]
    return "".join(thoughts for thoughts, _ in told), "".join(answer for _, answer in told)


@pytest.mark.parametrize(("text", "thoughts", "answer"), TEXTS)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_thoughts_and_answer_are_parted_at_every_split(text: str, thoughts: str, answer: str, size: int) -> None:
    assert split([text[start : start + size] for start in range(0, len(text), size)]) == (thoughts, answer)


@given(st.text(alphabet="<>/think a\n"), st.lists(st.integers(0, 40)))
def test_where_a_text_is_cut_changes_nothing(text: str, cuts: list[int]) -> None:
    tagged = f"<think>{text}"
    places = [0, *sorted(cut for cut in cuts if cut < len(tagged)), len(tagged)]
    pieces = [tagged[start:end] for start, end in pairwise(places)]
    assert split(pieces) == split([tagged])


@given(st.text().filter(lambda text: not text.lstrip().startswith("<")))
def test_a_text_without_a_tag_stays_as_it_is(text: str) -> None:
    assert split(list(text)) == ("", text)


@pytest.mark.parametrize("finish", ["stop", None])
def test_text_that_is_held_when_a_stream_ends_is_shown(finish: str | None) -> None:
    pieces = [{"role": "assistant", "content": "<th"}, {}]
    frames: list[dict[str, Any]] = [{"index": 0, "delta": piece, "finish_reason": None} for piece in pieces]
    frames[-1]["finish_reason"] = finish
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    stream = b"".join(b"data: " + json.dumps({**head, "choices": [frame]}).encode() + b"\n\n" for frame in frames)
    shown = streamed([stream, b"data: [DONE]\n\n"], target(quirks=["think_tags", "finish_reason"]), asked(stream=True))
    assert of_stream(shown)[0][:2] == ("<th", "")
    assert of_stream(shown)[0].finish == "stop"
