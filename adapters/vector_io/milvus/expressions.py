"""Filters in Milvus' language: https://milvus.io/docs/boolean.md

Nothing that a client wrote stands in an expression. What is equal to something is looked up in `facts`, hashes of key
and value; what is compared by size is under the hash of its key in `numbers` or `texts`, and there a text is in a
base32 whose order is that of the text. So it does not matter how Milvus quotes, or what it makes of an attribute that
is missing or of another type.
"""

from adapters.vector_io.facts import fact, hashed, sortable
from adapters.vector_io.filters import Attribute, Attributes, Comparison, Compound, Filter

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
EVERYTHING = 'id != ""'
NOTHING = 'id == ""'


def expression(filter: Filter | None) -> str:
    """What is true for the rows that satisfy a filter; nothing where there is none."""
    return "" if filter is None else _said(filter)


def numbers(attributes: Attributes) -> dict[str, float]:
    """All that may be compared with a number."""
    return {
        hashed("k", key): float(value)
        for key, value in attributes.items()
        if not isinstance(value, bool) and not isinstance(value, str)
    }


def texts(attributes: Attributes) -> dict[str, str]:
    """All that may be compared with a text."""
    return {hashed("k", key): sortable(value) for key, value in attributes.items() if isinstance(value, str)}


def _said(filter: Filter) -> str:
    if isinstance(filter, Compound):
        word, nothing = (" and ", EVERYTHING) if filter.type == "and" else (" or ", NOTHING)
        return f"({word.join(map(_said, filter.filters)) or nothing})"
    return f"({_compared(filter)})"


def _compared(comparison: Comparison) -> str:
    wanted = comparison.value
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    if sign := _SIGNS.get(comparison.type):
        return _ordered(comparison.key, sign, several[0])
    equal = " or ".join(f'array_contains(facts, "{fact(comparison.key, each)}")' for each in several) or NOTHING
    return equal if comparison.type in ("eq", "in") else f"not ({equal})"


def _ordered(key: str, sign: str, wanted: Attribute) -> str:
    if isinstance(wanted, bool):
        return NOTHING
    if isinstance(wanted, str):
        return f'texts["{hashed("k", key)}"] {sign} "{sortable(wanted)}"'
    return f'numbers["{hashed("k", key)}"] {sign} {float(wanted)!r}'
