"""Filters in SQL, over a column `attributes` of type jsonb.

Texts are compared with `COLLATE "C"`, which is by bytes and so, in UTF-8, by code points.
"""

import json

from adapters.vector_io.filters import Attribute, Attributes, Comparison, Compound, Filter

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Conditions:
    """The values of a statement, numbered in the order in which they were added."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)

    def add(self, value: object) -> str:
        """The name of one more value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def where(self, filter: Filter | None) -> str:
        """A condition that is true for what satisfies the filter, and false or NULL for all else."""
        if filter is None:
            return "true"
        if isinstance(filter, Compound):
            word, nothing = (" AND ", "true") if filter.type == "and" else (" OR ", "false")
            return f"({word.join(map(self.where, filter.filters)) or nothing})"
        return self._compares(filter)

    def _compares(self, comparison: Comparison) -> str:
        wanted = comparison.value
        several = wanted if isinstance(wanted, tuple) else (wanted,)
        if sign := _SIGNS.get(comparison.type):
            return self._ordered(comparison.key, sign, several[0])
        # Containment compares values with their types, is never NULL, and is what the index is for.
        equal = " OR ".join(f"attributes @> {self.add(encode({comparison.key: each}))}::jsonb" for each in several)
        return f"({equal or 'false'})" if comparison.type in ("eq", "in") else f"NOT ({equal or 'false'})"

    def _ordered(self, key: str, sign: str, wanted: Attribute) -> str:
        if isinstance(wanted, bool):
            return "false"
        name = self.add(escape(key))
        if isinstance(wanted, str):
            value = self.add(escape(wanted))
            return (
                f"(jsonb_typeof(attributes -> {name}::text) = 'string'"
                f' AND (attributes ->> {name}::text) COLLATE "C" {sign} {value}::text)'
            )
        value = self.add(json.dumps(wanted))
        return (
            f"(jsonb_typeof(attributes -> {name}::text) = 'number'"
            f" AND (attributes -> {name}::text) {sign} {value}::jsonb)"
        )


def encode(attributes: Attributes) -> str:
    """Attributes as jsonb takes them."""
    return json.dumps({escape(key): escape(value) if isinstance(value, str) else value
                       for key, value in attributes.items()})  # fmt: skip


def decode(raw: str) -> dict[str, Attribute]:
    """Attributes as they were encoded."""
    found: dict[str, bool | int | float | str] = json.loads(raw)
    return {unescape(key): _plain(value) for key, value in found.items()}


def _plain(value: bool | int | float | str) -> Attribute:
    if isinstance(value, str):
        return unescape(value)
    return value if isinstance(value, bool) else float(value)


def escape(text: str) -> str:
    """A text without the character 0, which PostgreSQL can't keep; texts stay in the same order."""
    return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")


def unescape(text: str) -> str:
    """A text as it was before `escape`."""
    return text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
