import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.wire.usage import Usage, read_input_usage, read_usage

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def read(**usage: Any) -> Usage | None:
    return read_usage(json.dumps(usage).encode())


def test_reads_every_class_of_tokens() -> None:
    usage = read(
        prompt_tokens=100,
        completion_tokens=50,
        total_tokens=150,
        prompt_tokens_details={"cached_tokens": 30, "cache_write_tokens": 5, "audio_tokens": 7},
        completion_tokens_details={"reasoning_tokens": 20, "audio_tokens": None},
    )
    assert usage == Usage(100, 50, 30, 20, cache_write_tokens=5, prompt_audio_tokens=7)


def test_reads_every_class_of_tokens_where_one_is_odd() -> None:
    usage = read(
        prompt_tokens=100.0,
        completion_tokens=50,
        prompt_tokens_details={"cache_write_tokens": 5, "audio_tokens": "many"},
        completion_tokens_details={"audio_tokens": 9},
    )
    assert usage == Usage(100, 50, cache_write_tokens=5, completion_audio_tokens=9)


def test_reasoning_that_only_the_total_counts_belongs_to_the_completion() -> None:
    usage = read(
        prompt_tokens=164,
        completion_tokens=1,
        total_tokens=326,
        completion_tokens_details={"reasoning_tokens": 161},
    )
    assert usage == Usage(164, 162, 0, 161)


@pytest.mark.parametrize("name", ["prompt_cache_hit_tokens", "cached_tokens"])
def test_cached_tokens_may_stand_outside_the_details(name: str) -> None:
    assert read(prompt_tokens=9, completion_tokens=1, **{name: 7}) == Usage(9, 1, 7)


def test_embeddings_tell_only_the_prompt() -> None:
    assert read(prompt_tokens=8, total_tokens=8) == Usage(prompt_tokens=8)


def test_counts_may_be_floats() -> None:
    assert read(prompt_tokens=8.0, completion_tokens=2.0) == Usage(8, 2)


@pytest.mark.parametrize("wrong", [None, "12", True, -1, [], {}])
def test_a_count_of_a_wrong_type_is_zero(wrong: object) -> None:
    assert read(prompt_tokens=3, completion_tokens=wrong) == Usage(3, 0)


@pytest.mark.parametrize("wrong", [None, 5, [], {"cached_tokens": None}, {"cached_tokens": "3"}])
def test_details_of_a_wrong_type_are_left_out(wrong: object) -> None:
    assert read(prompt_tokens=3, prompt_tokens_details=wrong) == Usage(3)


@pytest.mark.parametrize("raw", [b"", b"null", b"{}", b"[]", b"7", b'{"total_tokens":4}', b'{"prompt_tokens":1e400}'])
def test_nothing_told_is_none(raw: bytes) -> None:
    assert read_usage(Raw(raw)) is None


def test_what_is_no_text_is_none() -> None:
    assert read_usage(Raw(b'{"prompt_tokens":1,"prompt_tokens_details":{"a":"\xff"}}')) is None


def test_a_count_beyond_all_reason_is_zero() -> None:
    assert read(prompt_tokens=3, completion_tokens=10**20) == Usage(3, 0)


@given(st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), anything), anything)
def test_never_fails_on_what_a_provider_makes_up(usage: dict[str, Any], details: Any) -> None:
    told = read(**usage, prompt_tokens_details=details, completion_tokens_details=details)
    assert told is None or min(told.prompt_tokens, told.completion_tokens, told.cached_tokens) >= 0


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (b'{"total_tokens":9}', Usage(9)),
        (b'{"prompt_tokens":8,"total_tokens":9}', Usage(8)),
        (b'{"total_tokens":-1}', None),
        (b"{}", None),
        (b"[]", None),
        (b"null", None),
    ],
)
def test_without_a_completion_the_total_is_the_prompts(raw: bytes, usage: Usage | None) -> None:
    assert read_input_usage(raw) == usage
