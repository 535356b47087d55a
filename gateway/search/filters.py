"""Filters as clients write them, as the types that backends turn into their own languages.

https://platform.openai.com/docs/api-reference/vector-stores/search#vector_stores-search-filters
"""

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias, get_args

from adapters.vector_io.filters import Attribute, Comparison, Compound, Filter
from adapters.wire.errors import BadRequest

Wanted: TypeAlias = Filter | bool
"""What attributes must satisfy: True where everything does, False where nothing can."""

MOST_COMPARISONS: Final = 100
MOST_VALUES: Final = 1_000
"""Of all `in` and `nin` together."""
DEEPEST: Final = 10
LONGEST_KEY: Final = 64
LONGEST_TEXT: Final = 512
"""As long as an attribute's: https://platform.openai.com/docs/api-reference/vector-stores-files/createFile"""

_Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
_OPERATORS: Final = get_args(_Operator)
_COMPOUNDS: Final = ("and", "or")
_ORDERING: Final = ("gt", "gte", "lt", "lte")


def read_filter(written: Any) -> Wanted:
    """A filter from decoded JSON. Raises BadRequest that names the place."""
    return _Reader().read(written, "filters", 1)


class _Reader:
    """Reads one filter, and counts how much of it there is."""

    def __init__(self) -> None:
        self._comparisons = 0
        self._values = 0

    def read(self, written: Any, place: str, depth: int) -> Wanted:
        if not isinstance(written, dict):
            raise _wrong(place, "is no filter: an object with a 'type' is wanted")
        if depth > DEEPEST:
            raise _wrong("filters", f"are nested more than {DEEPEST} deep")
        kind: Any = written.get("type")
        if kind in _COMPOUNDS:
            _check_members(written, ("type", "filters"), place)
            return self._compound(kind, written["filters"], place, depth)
        if kind in _OPERATORS:
            _check_members(written, ("type", "key", "value"), place)
            return self._comparison(kind, written, place)
        raise _wrong(f"{place}.type", f"must be one of {', '.join((*_OPERATORS, *_COMPOUNDS))}")

    def _compound(self, type: Literal["and", "or"], parts: Any, place: str, depth: int) -> Wanted:
        if not isinstance(parts, list):
            raise _wrong(f"{place}.filters", "must be an array of filters")
        read = [self.read(part, f"{place}.filters[{at}]", depth + 1) for at, part in enumerate(parts)]
        return joined(type, read)

    def _comparison(self, type: _Operator, written: dict[str, Any], place: str) -> Wanted:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise _wrong("filters", f"hold more than {MOST_COMPARISONS} comparisons")
        key = written["key"]
        if not isinstance(key, str) or len(key) > LONGEST_KEY:
            raise _wrong(f"{place}.key", f"must be the name of an attribute: a string of at most {LONGEST_KEY}")
        value = written["value"]
        if type not in ("in", "nin"):
            return Comparison(type, key, _one(type, value, f"{place}.value"))
        if not isinstance(value, list):
            raise _wrong(f"{place}.value", f"must be an array with '{type}'")
        self._values += len(value)
        if self._values > MOST_VALUES:
            raise _wrong(f"{place}.value", f"is one value too many: 'in' and 'nin' together have {MOST_VALUES} at most")
        values = tuple(_one(type, each, f"{place}.value[{at}]") for at, each in enumerate(value))
        return Comparison(type, key, values) if values else type == "nin"


def joined(type: Literal["and", "or"], parts: Iterable[Wanted]) -> Wanted:
    """Filters as one. What always or never holds is left out, so that no backend gets an empty list."""
    is_all = type == "and"
    left: list[Filter] = []
    for part in parts:
        if isinstance(part, bool):
            if part is not is_all:
                return part
        else:
            left.append(part)
    if len(left) < 2:
        return left[0] if left else is_all
    return Compound(type, tuple(left))


def _one(type: str, value: Any, place: str) -> Attribute:
    if isinstance(value, bool):
        if type in _ORDERING:
            raise _wrong(place, f"is a boolean, which has no order: '{type}' wants a number or a string")
        return value
    if isinstance(value, int | float):
        return _number(value, place)
    if not isinstance(value, str):
        raise _wrong(place, f"must be a string, a number or a boolean{'' if type in ('in', 'nin') else _hint(value)}")
    if len(value) > LONGEST_TEXT:
        raise _wrong(place, f"is longer than an attribute may be: {LONGEST_TEXT} characters")
    return value


def _number(value: int | float, place: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _wrong(place, "is too large a number") from None


def _hint(value: Any) -> str:
    return "; an array goes with 'in' and 'nin'" if isinstance(value, list) else ""


def _check_members(written: dict[str, Any], names: tuple[str, ...], place: str) -> None:
    for name in names:
        if name not in written:
            raise BadRequest(
                f"You must provide '{place}.{name}'.", param=f"{place}.{name}", code="missing_required_parameter"
            )
    if unknown := [name for name in written if name not in names]:
        name = unknown[0][:LONGEST_KEY]
        raise BadRequest(f"Unknown parameter: '{place}.{name}'.", param=f"{place}.{name}", code="unknown_parameter")


def _wrong(place: str, problem: str) -> BadRequest:
    return BadRequest(f"Invalid '{place}': it {problem}.", param=place, code="invalid_value")
