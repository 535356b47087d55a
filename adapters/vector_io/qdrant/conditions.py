"""Filters in Qdrant's words, over payloads as `fields` writes them.

A field holds the values of one key and one type, so that no other type is ever compared. Qdrant orders numbers and not
texts: a comparison of texts becomes a list of the texts that are there and satisfy it.
https://qdrant.tech/documentation/concepts/filtering/
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TypeAlias

from qdrant_client import models

from adapters.vector_io.filters import Attribute, Comparison, Filter, holds

FILTER = "filter"
"""What the fields stand under."""
Texts: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""The different texts that are in a field."""

_NOTHING = models.HasIdCondition(has_id=[])


def fields(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """The fields of a payload, under FILTER."""
    return {_name(key, value): value for key, value in attributes.items()}


def text_fields(attributes: Mapping[str, Attribute]) -> set[str]:
    """The paths of those that hold texts."""
    return {_path(key, value) for key, value in attributes.items() if isinstance(value, str)}


async def condition(filter: Filter, texts: Texts) -> models.Condition:
    """Whether a payload satisfies a filter."""
    if isinstance(filter, Comparison):
        return await _comparison(filter, texts)
    inner = [await condition(each, texts) for each in filter.filters]
    if filter.type == "and":
        return models.Filter(must=inner)
    return models.Filter(should=inner) if inner else _NOTHING


async def _comparison(comparison: Comparison, texts: Texts) -> models.Condition:
    wanted, key = comparison.value, comparison.key
    if isinstance(wanted, tuple) or comparison.type in ("eq", "ne"):
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        equal = models.Filter(should=_equal(key, values)) if values else _NOTHING
        return models.Filter(must_not=[equal]) if comparison.type in ("ne", "nin") else equal
    if isinstance(wanted, str):
        name = _path(key, wanted)
        there = [text for text in await texts(name) if holds(comparison, {key: text})]
        return models.FieldCondition(key=name, match=models.MatchAny(any=there)) if there else _NOTHING
    if isinstance(wanted, bool):
        return _NOTHING
    return models.FieldCondition(key=_path(key, wanted), range=models.Range(**{comparison.type: wanted}))


def _equal(key: str, values: Sequence[Attribute]) -> list[models.Condition]:
    texts = [value for value in values if isinstance(value, str)]
    conditions: list[models.Condition] = []
    if texts:
        conditions.append(models.FieldCondition(key=_path(key, ""), match=models.MatchAny(any=texts)))
    for value in values:
        if isinstance(value, bool):
            conditions.append(models.FieldCondition(key=_path(key, value), match=models.MatchValue(value=value)))
        elif not isinstance(value, str):
            alike = models.Range(gte=value, lte=value)
            conditions.append(models.FieldCondition(key=_path(key, value), range=alike))
    return conditions


def _path(key: str, value: Attribute) -> str:
    return f"{FILTER}.{_name(key, value)}"


def _name(key: str, value: Attribute) -> str:
    """Keys have characters that mean something in a path; two keys with the same digest are not met in practice."""
    kind = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return f"{kind}_{blake2b(key.encode(), digest_size=12).hexdigest()}"
