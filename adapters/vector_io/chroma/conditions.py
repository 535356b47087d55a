"""Filters in Chroma's language: https://docs.trychroma.com/docs/querying-collections/metadata-filtering

Chroma compares a key with a value of the same type, has no order of texts, and lets `$ne` hold where a key is missing.
So each attribute is written as *facts*: `equal:` and the hash of its name and value is True. A number is there under
`number:` and the hash of its name. A text is cut into groups of six bytes, each a number of base 257 that ends with 0
where the text does; a group's key is `text:` and the hash of the name and all groups before it. What has a group under
such a key begins as the text that is asked for, and the number decides.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from adapters.vector_io.facts import fact, hashed
from adapters.vector_io.filters import Attribute, Attributes, Comparison, Compound, Filter

Where: TypeAlias = dict[str, Any]

FILE = "file"
_EVERYTHING: Where = {FILE: {"$ne": ""}}
_NOTHING: Where = {FILE: {"$eq": ""}}
_STRICT = {"gt": "$gt", "gte": "$gt", "lt": "$lt", "lte": "$lt"}
_GROUP = 6
"""Bytes: 257 to the sixth is a number that a float holds exactly."""


def where(filter: Filter | None) -> Where | None:
    """A condition for what satisfies the filter."""
    return None if filter is None else _said(filter)


def facts(attributes: Attributes) -> dict[str, bool | float]:
    """What a chunk with these attributes is found by."""
    found: dict[str, bool | float] = {}
    for key, value in attributes.items():
        found[_fact(key, value)] = True
        if isinstance(value, str):
            found |= dict(_groups(key, value))
        elif not isinstance(value, bool):
            found[_number(key)] = float(value)
    return found


def is_fact(key: str) -> bool:
    """Whether a key of a record's metadata is one of those."""
    return key.startswith(("equal:", "number:", "text:"))


def _said(filter: Filter) -> Where:
    if isinstance(filter, Compound):
        said = [_said(each) for each in filter.filters]
        return _all(said) if filter.type == "and" else _any(said)
    wanted = filter.value
    several = wanted if isinstance(wanted, tuple) else (wanted,)
    if filter.type in ("eq", "in"):
        return _any([{_fact(filter.key, each): True} for each in several])
    if filter.type in ("ne", "nin"):
        return _all([{_fact(filter.key, each): {"$ne": True}} for each in several])
    return _ordered(filter, several[0])


def _ordered(comparison: Comparison, wanted: Attribute) -> Where:
    if isinstance(wanted, bool):
        return _NOTHING
    exact = f"${comparison.type}"
    if not isinstance(wanted, str):
        return {_number(comparison.key): {exact: float(wanted)}}
    *before, (last, number) = _groups(comparison.key, wanted)
    strict = _STRICT[comparison.type]
    return _any([*({key: {strict: group}} for key, group in before), {last: {exact: number}}])


def _all(said: list[Where]) -> Where:
    return {"$and": said} if len(said) > 1 else said[0] if said else _EVERYTHING


def _any(said: list[Where]) -> Where:
    return {"$or": said} if len(said) > 1 else said[0] if said else _NOTHING


def _fact(key: str, value: Attribute) -> str:
    return f"equal:{fact(key, value)}"


def _number(key: str) -> str:
    return f"number:{hashed(key)}"


def _groups(key: str, text: str) -> Iterator[tuple[str, float]]:
    raw = text.encode("utf-8", "surrogatepass")
    path = hashed(key)
    for at in range(0, len(raw) + 1, _GROUP):
        number = 0
        for byte in range(at, at + _GROUP):
            number = number * 257 + (raw[byte] + 1 if byte < len(raw) else 0)
        yield f"text:{path}", float(number)
        path = hashed(path, str(number))
