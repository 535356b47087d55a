"""Moderations: any input is read or refused in OpenAI's words, and what is written can be read again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.safety.contract import CATEGORIES, Content, Judgement
from adapters.wire.errors import BadRequest
from adapters.wire.moderation import contents_of, parse_moderation, read_answer, write_answer, write_request
from config.safety import MODERATION_MODELS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "image_url", "url"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def read(input: Any) -> list[Content]:
    return contents_of(parse_moderation(msgspec.json.encode({"input": input})))


def test_a_request_without_a_model_means_openais_own() -> None:
    assert parse_moderation(b'{"input": "a"}').model == MODERATION_MODELS[0]
    assert parse_moderation(b'{"input": "a", "model": "m"}').model == "m"


def test_texts_are_contents_and_parts_are_one() -> None:
    assert read("a") == [Content(("a",))]
    assert read(["a", ""]) == [Content(("a",)), Content(("",))]
    url = "data:image/png;base64,AAAA"
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": url}}]
    assert read(parts) == [Content(("a",), (url,))]


@given(VALUES)
def test_any_input_is_read_or_refused(value: Any) -> None:
    refusal = None
    try:
        contents = read(value)
    except BadRequest as error:
        refusal = error
    if refusal is None:
        assert contents
        assert isinstance(value, str | list)
    else:
        assert (refusal.param, bool(refusal.code)) == ("input", True)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ([], "empty_array"),
        (["a"] * 1_025, "array_above_max_length"),
        ([{"type": "text", "text": "a"}] * 1_025, "array_above_max_length"),
        ("a" * 1_048_577, "string_above_max_length"),
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], "invalid_value"),
        (["a", {"type": "text", "text": "b"}], "invalid_type"),
    ],
)
def test_what_is_refused_has_openais_code(value: Any, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(value)
    assert refused.value.code == code


def test_input_must_be_there() -> None:
    with pytest.raises(BadRequest, match="You must provide an 'input'"):
        contents_of(parse_moderation(b"{}"))


JUDGEMENTS = st.builds(
    lambda scores: Judgement(bool(scores), scores, frozenset(scores)),
    st.dictionaries(st.sampled_from([*CATEGORIES, "prompt_injection"]), st.floats(0, 1), max_size=5),
)


@given(st.lists(JUDGEMENTS, min_size=1, max_size=4))
def test_an_answer_says_what_was_judged_and_every_category(judged: list[Judgement]) -> None:
    contents = [Content(("a",)) for _ in judged]
    raw = write_answer("rules", contents, judged)
    told = msgspec.json.decode(raw)
    assert told["id"].startswith("modr-")
    for result, judgement, again in zip(told["results"], judged, read_answer(raw), strict=True):
        for part in ("categories", "category_scores", "category_applied_input_types"):
            assert list(result[part])[: len(CATEGORIES)] == list(CATEGORIES)
            assert set(result[part]) == {*CATEGORIES, *judgement.scores}
        assert (again.flagged, again.found) == (judgement.flagged, judgement.found)
        assert {name: score for name, score in again.scores.items() if name in judgement.scores} == judgement.scores


def test_what_was_applied_is_told_only_where_openai_knows_it() -> None:
    content = Content((), ("https://a.b/c",))
    judgement = Judgement(flagged=True, applied=dict.fromkeys(CATEGORIES, ("image",)))
    (result,) = msgspec.json.decode(write_answer("m", [content], [judgement]))["results"]
    applied = result["category_applied_input_types"]
    assert applied["violence"] == ["image"]
    assert applied["hate"] == []


def test_scores_out_of_bounds_are_brought_within() -> None:
    raw = msgspec.json.encode({"results": [{"category_scores": {"hate": 1.5, "sexual": -1, "illicit": None}}]})
    assert read_answer(raw)[0].scores == {"hate": 1.0, "sexual": 0.0}


def test_a_request_is_written_as_texts_or_as_parts() -> None:
    texts = msgspec.json.decode(write_request("m", [Content(("a",)), Content(("b",))]))
    assert texts == {"model": "m", "input": ["a", "b"]}
    parts = msgspec.json.decode(write_request("m", [Content(("a", "b"))]))
    assert parts["input"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
