"""Filters as clients write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.filters import Attribute, Comparison, Compound, holds
from adapters.wire.errors import BadRequest
from gateway.search.filters import Wanted, read_filter

YEAR = {"type": "gte", "key": "year", "value": 2024}


def nested(depth: int) -> Any:
    return YEAR if depth == 1 else {"type": "and", "filters": [nested(depth - 1)]}


def test_every_comparison_and_compound_is_read() -> None:
    for operator in ("eq", "ne", "gt", "gte", "lt", "lte"):
        for value in (1, 2.5, "a"):
            assert read_filter({"type": operator, "key": "k", "value": value}) == Comparison(operator, "k", value)
    for operator in ("eq", "ne"):
        assert read_filter({"type": operator, "key": "k", "value": True}) == Comparison(operator, "k", True)  # type: ignore[arg-type]
    for operator in ("in", "nin"):
        values = {"type": operator, "key": "k", "value": ["a", 1, True]}
        assert read_filter(values) == Comparison(operator, "k", ("a", 1, True))  # type: ignore[arg-type]
    both = {"type": "or", "filters": [YEAR, {"type": "and", "filters": [YEAR, YEAR]}]}
    one = Comparison("gte", "year", 2024)
    assert read_filter(both) == Compound("or", (one, Compound("and", (one, one))))


def test_numbers_are_floats_and_booleans_stay_booleans() -> None:
    read = read_filter({"type": "in", "key": "k", "value": [1, True]})
    assert isinstance(read, Comparison)
    assert isinstance(read.value, tuple)
    assert [type(value) for value in read.value] == [float, bool]


@pytest.mark.parametrize(
    ("written", "param", "code"),
    [
        (None, "filters", "invalid_value"),
        ([], "filters", "invalid_value"),
        ("year > 2024", "filters", "invalid_value"),
        ({}, "filters.type", "invalid_value"),
        ({"type": "like", "key": "a", "value": "b"}, "filters.type", "invalid_value"),
        ({"type": ["eq"], "key": "a", "value": "b"}, "filters.type", "invalid_value"),
        ({"type": "eq", "value": 1}, "filters.key", "missing_required_parameter"),
        ({"type": "eq", "key": "a"}, "filters.value", "missing_required_parameter"),
        ({"type": "and"}, "filters.filters", "missing_required_parameter"),
        ({"type": "and", "filters": YEAR}, "filters.filters", "invalid_value"),
        ({"type": "and", "filters": [YEAR, 5]}, "filters.filters[1]", "invalid_value"),
        ({"type": "and", "filters": [{"type": "or", "filters": [{"type": "eq", "key": 5, "value": 1}]}]},
         "filters.filters[0].filters[0].key", "invalid_value"),
        ({**YEAR, "values": 5}, "filters.values", "unknown_parameter"),
        ({**YEAR, "key": "k" * 65}, "filters.key", "invalid_value"),
        ({**YEAR, "value": None}, "filters.value", "invalid_value"),
        ({**YEAR, "value": {"a": 1}}, "filters.value", "invalid_value"),
        ({**YEAR, "value": [1]}, "filters.value", "invalid_value"),
        ({**YEAR, "value": True}, "filters.value", "invalid_value"),
        ({**YEAR, "value": "x" * 513}, "filters.value", "invalid_value"),
        ({**YEAR, "value": 10**400}, "filters.value", "invalid_value"),
        ({**YEAR, "type": "in"}, "filters.value", "invalid_value"),
        ({**YEAR, "type": "nin", "value": [1, [2]]}, "filters.value[1]", "invalid_value"),
        ({**YEAR, "type": "in", "value": [1] * 1_001}, "filters.value", "invalid_value"),
        ({"type": "or", "filters": [YEAR] * 101}, "filters", "invalid_value"),
        (nested(11), "filters", "invalid_value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(written: Any, param: str, code: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_filter(written)
    assert (raised.value.param, raised.value.code) == (param, code)
    assert f"'{param}" in raised.value.message or param == "filters"


def test_what_is_allowed_is_allowed_to_its_end() -> None:
    read_filter(nested(10))
    read_filter({"type": "or", "filters": [YEAR] * 100})
    read_filter({"type": "in", "key": "k" * 64, "value": ["x" * 512] * 1_000})


values = st.one_of(st.sampled_from(["a", "b", ""]), st.integers(-2, 2), st.booleans())
comparisons = st.one_of(
    st.builds(
        lambda t, k, v: {"type": t, "key": k, "value": v}, st.sampled_from(["eq", "ne"]), st.sampled_from("xy"), values
    ),
    st.builds(
        lambda t, k, v: {"type": t, "key": k, "value": v},
        st.sampled_from(["gt", "gte", "lt", "lte"]),
        st.sampled_from("xy"),
        st.one_of(st.sampled_from(["a", "b", ""]), st.integers(-2, 2)),
    ),
    st.builds(
        lambda t, k, v: {"type": t, "key": k, "value": v},
        st.sampled_from(["in", "nin"]),
        st.sampled_from("xy"),
        st.lists(values, max_size=3),
    ),
)
filters = st.recursive(
    comparisons,
    lambda parts: st.builds(
        lambda t, f: {"type": t, "filters": f}, st.sampled_from(["and", "or"]), st.lists(parts, max_size=3)
    ),
    max_leaves=8,
)


def plainly(written: Any, attributes: dict[str, Attribute]) -> bool:
    """What a filter says, read word by word."""
    if "filters" in written:
        return (all if written["type"] == "and" else any)(plainly(each, attributes) for each in written["filters"])
    value = tuple(written["value"]) if isinstance(written["value"], list) else written["value"]
    return holds(Comparison(written["type"], written["key"], value), attributes)


@given(filters, st.dictionaries(st.sampled_from("xy"), values))
def test_what_is_left_of_a_filter_means_the_same(written: Any, attributes: dict[str, Attribute]) -> None:
    read = read_filter(written)
    assert (read if isinstance(read, bool) else holds(read, attributes)) is plainly(written, attributes)


@given(filters)
def test_no_backend_gets_an_empty_list(written: Any) -> None:
    def check(read: Wanted) -> None:
        if isinstance(read, Compound):
            assert len(read.filters) > 1
            for part in read.filters:
                check(part)
        elif isinstance(read, Comparison):
            assert read.value != ()

    check(read_filter(written))


json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3),
        st.dictionaries(st.sampled_from(["type", "key", "value", "filters", "x"]), parts, max_size=4),
        st.builds(lambda t, f: {"type": t, "filters": f}, st.sampled_from(["and", "or"]), parts),
    ),
    max_leaves=12,
)


@given(json)
def test_whatever_comes_is_read_or_refused(written: Any) -> None:
    refused = None
    try:
        read_filter(written)
    except BadRequest as error:
        refused = error.param
    assert refused is None or refused.startswith("filters")
