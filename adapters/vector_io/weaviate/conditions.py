"""Filters in Weaviate's language: https://docs.weaviate.io/weaviate/api/graphql/filters

What is equal to something is looked up in `facts`, a list of hashes, of which `ContainsAny` finds one. What is compared
by size has a property for each key and type, which is made when it is first written: a collection refuses a filter on
one that it has not.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from weaviate.classes.query import Filter as Condition

from adapters.vector_io.facts import fact, hashed, sortable
from adapters.vector_io.filters import Attribute, Attributes, Comparison, Compound, Filter

Known: TypeAlias = Callable[[str], bool]

NUMBER, TEXT = "number_", "text_"
_NOTHING = "-"
"""Nobody's fact."""


def condition(filter: Filter | None, known: Known) -> Any:
    """What holds for the objects that satisfy a filter; `known` says whether a property is there."""
    if filter is None:
        return None
    if isinstance(filter, Compound):
        said = [condition(each, known) for each in filter.filters]
        if not said:
            return _everything() if filter.type == "and" else _has(_NOTHING)
        return Condition.all_of(said) if filter.type == "and" else Condition.any_of(said)
    wanted = filter.value
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    if filter.type in ("eq", "in"):
        return _has(*(fact(filter.key, each) for each in several), _NOTHING)
    if filter.type in ("ne", "nin"):
        return Condition.not_(_has(*(fact(filter.key, each) for each in several), _NOTHING))
    return _ordered(filter, several[0], known)


def sizes(attributes: Attributes) -> dict[str, float | str]:
    """The properties by which attributes are compared."""
    return {
        _property(key, value): sortable(value) if isinstance(value, str) else float(value)
        for key, value in attributes.items()
        if not isinstance(value, bool)
    }


def lacks(fact: str) -> Any:
    """What holds where a fact is not there."""
    return Condition.not_(_has(fact))


def _ordered(comparison: Comparison, wanted: Attribute, known: Known) -> Any:
    if isinstance(wanted, bool) or not known(_property(comparison.key, wanted)):
        return _has(_NOTHING)
    found = Condition.by_property(_property(comparison.key, wanted))
    value = sortable(wanted) if isinstance(wanted, str) else float(wanted)
    compare = {
        "gt": found.greater_than,
        "gte": found.greater_or_equal,
        "lt": found.less_than,
        "lte": found.less_or_equal,
    }
    return compare[comparison.type](value)


def _property(key: str, value: Attribute) -> str:
    return f"{TEXT if isinstance(value, str) else NUMBER}{hashed(key)}"


def _has(*any_of: str) -> Any:
    return Condition.by_property("facts").contains_any([*any_of])


def _everything() -> Any:
    return Condition.not_(_has(_NOTHING))
