"""Filters in SQL, over the attributes of a file as `tables.py` keeps them. Values are never part of a statement."""

# ruff: noqa: S608

from typing import TypeAlias

from adapters.vector_io.filters import Attribute, Comparison, Filter

Value: TypeAlias = str | float | int
Condition: TypeAlias = tuple[str, list[Value]]
"""A condition on `files.number`, and the values of its question marks in their order."""

_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def condition(filter: Filter) -> Condition:
    """Whether a file satisfies a filter."""
    if not isinstance(filter, Comparison):
        return _compound([condition(each) for each in filter.filters], filter.type)
    if isinstance(filter.value, tuple):
        held, values = _any_of(filter.key, filter.value)
    else:
        held, values = _compared(filter.key, _ORDER.get(filter.type, "="), filter.value)
    return (f"NOT {held}" if filter.type in ("ne", "nin") else held), values


def kind_and_value(value: Attribute) -> tuple[str, Value]:
    """An attribute as it is kept: what is compared with it must be of its kind."""
    if isinstance(value, bool):
        return "flag", int(value)
    return ("text", value) if isinstance(value, str) else ("number", float(value))


def _compound(conditions: list[Condition], type: str) -> Condition:
    if not conditions:
        return ("1" if type == "and" else "0"), []
    joined = f" {type.upper()} ".join(held for held, _ in conditions)
    return f"({joined})", [value for _, values in conditions for value in values]


def _compared(key: str, operator: str, value: Attribute) -> Condition:
    kind, kept = kind_and_value(value)
    if kind == "flag" and operator != "=":
        return "0", []
    return _attribute(f"kind = ? AND value {operator} ?"), [key, kind, kept]


def _any_of(key: str, wanted: tuple[Attribute, ...]) -> Condition:
    if not wanted:
        return "0", []
    values: list[Value] = [key]
    for each in wanted:
        values += kind_and_value(each)
    pairs = ", ".join(["(?, ?)"] * len(wanted))
    return _attribute(f"(kind, value) IN (VALUES {pairs})"), values


def _attribute(held: str) -> str:
    return f"EXISTS (SELECT 1 FROM attributes WHERE file = files.number AND key = ? AND {held})"
