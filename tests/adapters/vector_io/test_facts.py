"""Attributes as letters and digits."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.facts import fact, facts, hashed, sortable
from adapters.vector_io.filters import Attribute, Comparison, holds

ATTRIBUTES = st.one_of(st.text(max_size=4), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.text(), st.text())
def test_sortable_texts_keep_their_order(one: str, other: str) -> None:
    assert (sortable(one) < sortable(other)) == (one < other)
    assert (sortable(one) == sortable(other)) == (one == other)


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_other_texts_have_another_hash(one: list[str], other: list[str]) -> None:
    assert (hashed(*one) == hashed(*other)) == (one == other)


@given(ATTRIBUTES, ATTRIBUTES)
def test_a_fact_is_what_equals_means(found: Attribute, wanted: Attribute) -> None:
    assert (fact("key", wanted) in facts({"key": found})) == holds(Comparison("eq", "key", wanted), {"key": found})


def test_zeros_are_equal_whatever_their_sign() -> None:
    assert fact("key", 0.0) == fact("key", -0.0)
    assert fact("key", 1.0) != fact("key", True) != fact("key", "True")
