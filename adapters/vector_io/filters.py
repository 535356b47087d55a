"""Filters over attributes, in the types that every backend turns into its own language.

The rules are the same everywhere: a number compares with numbers, a text with texts (by code points), a boolean with
booleans, for equality only; an attribute that is missing, or of another type, satisfies `ne` and `nin` and nothing
else.
https://platform.openai.com/docs/guides/retrieval#attribute-filtering
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

Attribute: TypeAlias = str | float | bool
"""Numbers are floats, as in JSON."""
Attributes: TypeAlias = Mapping[str, Attribute]


class Comparison(Struct, frozen=True):
    """One attribute against one value, or several with `in` and `nin`."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: str
    value: Attribute | tuple[Attribute, ...]


class Compound(Struct, frozen=True):
    """All of several filters, or any of them."""

    type: Literal["and", "or"]
    filters: "tuple[Filter, ...]"


Filter: TypeAlias = Comparison | Compound


def holds(filter: Filter, attributes: Attributes) -> bool:
    """Whether attributes satisfy a filter: what the words of every backend must mean."""
    if isinstance(filter, Compound):
        outcomes = (holds(each, attributes) for each in filter.filters)
        return all(outcomes) if filter.type == "and" else any(outcomes)
    return _compares(filter, attributes.get(filter.key))


def _compares(comparison: Comparison, found: Attribute | None) -> bool:
    wanted = comparison.value
    if isinstance(wanted, tuple):
        is_in = any(_equal(each, found) for each in wanted)
        return is_in if comparison.type == "in" else not is_in
    if comparison.type == "eq":
        return _equal(wanted, found)
    if comparison.type == "ne":
        return not _equal(wanted, found)
    if isinstance(wanted, str) and isinstance(found, str):
        return _ordered(comparison.type, (found > wanted) - (found < wanted))
    if _is_number(wanted) and _is_number(found):
        assert found is not None  # noqa: S101 - it is a number
        return _ordered(comparison.type, (found > wanted) - (found < wanted))  # type: ignore[operator]
    return False


def _ordered(type: str, sign: int) -> bool:
    return {"gt": sign > 0, "gte": sign >= 0, "lt": sign < 0, "lte": sign <= 0}[type]


def _equal(wanted: Attribute, found: Attribute | None) -> bool:
    return _kind(wanted) == _kind(found) and wanted == found


def _kind(value: Attribute | None) -> type:
    return float if _is_number(value) else type(value)


def _is_number(value: Attribute | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
