"""What is asked of the ledger: a time, buckets of it, filters, and what rows are grouped by."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from adapters.wire.errors import BadRequest

Width: TypeAlias = Literal["1h", "1d", "1mo", "all"]

DIMENSIONS: dict[str, str] = {
    "key": "key_name",
    "owner": "owner",
    "team": "team",
    "organisation": "organisation",
    "model": "model",
    "route": "route",
    "provider": "provider",
    "provider_model": "provider_model",
    "operation": "operation",
    "cause": "cause",
    "cache": "cache",
    "status": "CAST(status AS TEXT)",
    "status_class": "CASE WHEN status = 0 THEN 'none' ELSE CAST(status / 100 AS TEXT) || 'xx' END",
    "error": "error",
    "finish_reason": "finish_reason",
    "price_version": "price_version",
}
"""What rows can be grouped and filtered by, with the SQL of its value: nothing that a client says is ever SQL."""

BUCKETS: dict[Width, tuple[int, int]] = {"1h": (24, 168), "1d": (7, 31), "1mo": (12, 120), "all": (1, 1)}
"""How many buckets an answer has, and may have at most."""
ATTEMPTS = (100, 1_000)
"""The same of rows."""
_VALUES_MAX = 100
_VALUE_MAX = 256
_SECONDS_MAX = 253_402_300_799
_WIDTH_SECONDS = {"1h": 3_600, "1d": 86_400}

Query: TypeAlias = Iterable[tuple[str, str]]
"""Names and values as they stand in a URL."""


class Question(Struct, frozen=True, kw_only=True):
    """Which rows are meant. Times are whole seconds since 1970."""

    start: int
    end: int
    """Not included."""
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """By dimension, any of these values; an empty one means none."""
    limit: int
    page: str | None = None


class Grouping(Struct, frozen=True, kw_only=True):
    """How they are summed up."""

    width: Width = "1d"
    dimensions: tuple[str, ...] = ()


class Parameters:
    """Reads a query strictly: whatever it does not know is refused. Every method raises BadRequest."""

    def __init__(self, query: Query, *allowed: str) -> None:
        known = {"start_time", "end_time", "limit", "page", "format", *allowed, *DIMENSIONS}
        self._values: dict[str, list[str]] = {}
        for given, value in query:
            name = given.removesuffix("[]")  # as OpenAI's SDKs write arrays
            if name not in known:
                raise _wrong(given[:64], f"There is no such parameter here. Known are {', '.join(sorted(known))}.")
            self._values.setdefault(name, []).append(value)

    def question(self, now: int, limits: tuple[int, int]) -> Question:
        """Which rows are meant."""
        start, end = self._time("start_time"), self._time("end_time")
        if start is None:
            raise _wrong("start_time", "It is needed: unix seconds from which on usage is told.")
        end = now if end is None else end
        if end <= start:
            raise _wrong("end_time", "It must be later than 'start_time'.")
        return Question(
            start=start, end=end, filters=self._filters(), limit=self._limit(*limits), page=self.one("page")
        )

    def grouping(self) -> Grouping:
        """How rows are summed up."""
        dimensions = [name for value in self._values.get("group_by", ()) for name in value.split(",")]
        for name in dimensions:
            if name not in DIMENSIONS:
                raise _wrong("group_by", f"It knows {', '.join(DIMENSIONS)}.")
        return Grouping(width=self.width(), dimensions=tuple(dict.fromkeys(dimensions)))

    def width(self) -> Width:
        """How long a bucket is."""
        said = self.one("bucket_width") or "1d"
        for width in BUCKETS:
            if said == width:
                return width
        raise _wrong("bucket_width", f"It is one of {', '.join(BUCKETS)}.")

    def one(self, name: str) -> str | None:
        """The value of a parameter that may be there once."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise _wrong(name, "It may be there once only.")
        return values[0] if values else None

    def _time(self, name: str) -> int | None:
        said = self.one(name)
        return None if said is None else _whole(name, said, 0, _SECONDS_MAX)

    def _limit(self, usual: int, most: int) -> int:
        said = self.one("limit")
        return usual if said is None else _whole("limit", said, 1, most)

    def _filters(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found = []
        for name in DIMENSIONS:
            values = self._values.get(name, [])
            if len(values) > _VALUES_MAX:
                raise _wrong(name, f"It may have up to {_VALUES_MAX} values.")
            if any(len(value) > _VALUE_MAX or "\0" in value for value in values):
                raise _wrong(name, f"Its values have up to {_VALUE_MAX} characters, none of them NUL.")
            if values:
                found.append((name, tuple(values)))
        return tuple(found)


def boundaries(question: Question, width: Width) -> list[int]:
    """Where buckets begin, and the end of the last one: from the question's page on, as many as its limit.

    They begin with hours, days and months of UTC; the first and the last may be cut by the time that is asked for.
    """
    start = question.start if question.page is None else _page(question)
    found = [start]
    while len(found) <= question.limit and found[-1] < question.end:
        found.append(min(question.end, _next(found[-1], width, question.end)))
    return found


def _page(question: Question) -> int:
    said = re.fullmatch(r"page_([0-9]{1,12})", question.page or "")
    start = int(said[1]) if said else -1
    if not question.start <= start < question.end:
        raise _wrong("page", "It is the 'next_page' of the answer before, with all other parameters the same.")
    return start


def _next(start: int, width: Width, end: int) -> int:
    if width == "all":
        return end
    if width == "1mo":
        day = datetime.fromtimestamp(start, UTC)
        year, month = divmod(day.year * 12 + day.month, 12)
        return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) if year < 10_000 else end
    seconds = _WIDTH_SECONDS[width]
    return start // seconds * seconds + seconds


def _whole(name: str, said: str, least: int, most: int) -> int:
    if not re.fullmatch("[0-9]{1,12}", said) or not least <= int(said) <= most:
        raise _wrong(name, f"It is a whole number from {least} to {most}.")
    return int(said)


def _wrong(name: str, message: str) -> BadRequest:
    return BadRequest(f"'{name}': {message}", param=name, code="invalid_value")
