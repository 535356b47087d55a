"""Reads the ledger: sums by whatever is asked for, and the rows themselves."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any, Final

from adapters.wire.errors import BadRequest
from gateway.ledger.question import DIMENSIONS, Grouping, Question, boundaries
from gateway.ledger.row import COLUMNS
from gateway.state.records.contract import Records, Row, Value

RESULTS_MAX: Final = 10_000
_ROWS_AT_ONCE = 500
_SECOND = 1_000_000

_SUMS = {
    "num_model_requests": "SUM(opens)",
    "num_attempts": "COUNT(*)",
    "num_errors": "SUM(CASE WHEN error IS NOT NULL THEN 1 ELSE 0 END)",
    "num_cancelled": "SUM(CASE WHEN status = 499 AND error IS NULL THEN 1 ELSE 0 END)",
    "num_unknown_tokens": "SUM(CASE WHEN prompt_tokens IS NULL THEN 1 ELSE 0 END)",
    "num_estimated_tokens": "COALESCE(SUM(estimated), 0)",
    "num_unknown_cost": "SUM(CASE WHEN cost IS NULL THEN 1 ELSE 0 END)",
    "input_tokens": "COALESCE(SUM(prompt_tokens), 0)",
    "output_tokens": "COALESCE(SUM(completion_tokens), 0)",
    "input_cached_tokens": "COALESCE(SUM(cached_tokens), 0)",
    "input_cache_write_tokens": "COALESCE(SUM(cache_write_tokens), 0)",
    "input_audio_tokens": "COALESCE(SUM(prompt_audio_tokens), 0)",
    "output_audio_tokens": "COALESCE(SUM(completion_audio_tokens), 0)",
    "output_reasoning_tokens": "COALESCE(SUM(reasoning_tokens), 0)",
    "searches": "COALESCE(SUM(searches), 0)",
    "cost_nano_usd": "COALESCE(SUM(cost), 0)",
    "latency_sum": "COALESCE(SUM(latency), 0)",
    "latency_count": "COUNT(latency)",
    "latency_max": "MAX(latency)",
    "first_token_sum": "COALESCE(SUM(first_token), 0)",
    "first_token_count": "COUNT(first_token)",
    "first_token_max": "MAX(first_token)",
}
"""PostgreSQL's sums of whole numbers are decimals: they are cast back."""
_SUMMED = ", ".join(f"CAST({sql} AS BIGINT)" for sql in _SUMS.values())
_ROWS = f"SELECT {', '.join(COLUMNS)} FROM attempts"  # noqa: S608 - of columns that stand in the code
_BETWEEN = "(began, attempt_id) > ($1, $2) AND began < $3"
"""Of rows by the place of the one before them, so that a page is found at once by index, however far it is."""
_ORDER = "ORDER BY began, attempt_id LIMIT"


class Bucket:
    """A time, with the sums of its groups."""

    __slots__ = ("end", "results", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.results: list[dict[str, Any]] = []


async def sums(records: Records, question: Question, grouping: Grouping) -> tuple[list[Bucket], int | None]:
    """The buckets of a page, and where the next one starts.

    Raises BadRequest where there are more groups than an answer should have, and RecordsUnavailable.
    """
    edges = boundaries(question, grouping.width)
    buckets = [Bucket(start, end) for start, end in pairwise(edges)]
    values: list[Value] = []
    bucket = _bucket(edges, values)
    values += (edges[0] * _SECOND, edges[-1] * _SECOND)
    between = f"began >= ${len(values) - 1} AND began < ${len(values)}"
    where = " AND ".join((between, *_filtered(question.filters, values)))
    groups = [bucket, *(DIMENSIONS[name] for name in grouping.dimensions)]
    numbers = ", ".join(str(number) for number in range(1, len(groups) + 1))
    found = await records.fetch(
        f"SELECT {', '.join(groups)}, {_SUMMED} FROM attempts WHERE {where} "  # noqa: S608 - values are bound
        f"GROUP BY {numbers} ORDER BY {numbers} LIMIT {RESULTS_MAX + 1}",
        *values,
    )
    if len(found) > RESULTS_MAX:
        raise BadRequest(
            f"There are more than {RESULTS_MAX} groups: ask for a shorter time, fewer buckets or fewer dimensions.",
            param="group_by",
            code="invalid_value",
        )
    for row in found:
        number = row[0]
        assert isinstance(number, int)  # noqa: S101 - it is counted in the statement
        buckets[number].results.append(_result(grouping, row))
    return buckets, edges[-1] if edges[-1] < question.end else None


async def attempts(records: Records, question: Question, after: tuple[int, str] | None) -> list[Row]:
    """Rows in the order in which their attempts began, after one of them. Raises RecordsUnavailable."""
    first = (question.start * _SECOND, "")
    values: list[Value] = [*max(first, after or first), question.end * _SECOND]
    where = " AND ".join((_BETWEEN, *_filtered(question.filters, values)))
    return await records.fetch(f"{_ROWS} WHERE {where} {_ORDER} {question.limit}", *values)


async def all_attempts(records: Records, question: Question, after: tuple[int, str] | None) -> AsyncIterator[list[Row]]:
    """The same up to the last, some hundreds at a time."""
    piece = Question(start=question.start, end=question.end, filters=question.filters, limit=_ROWS_AT_ONCE)
    while rows := await attempts(records, piece, after):
        yield rows
        after = place_of(rows[-1])


def place_of(row: Row) -> tuple[int, str]:
    """Where a row stands in the order of rows."""
    return int(str(row[COLUMNS.index("began")])), str(row[0])


def _bucket(edges: Sequence[int], values: list[Value]) -> str:
    """The number of a row's bucket, in SQL."""
    cases = []
    for number, end in enumerate(edges[1:-1]):
        values.append(end * _SECOND)
        cases.append(f"WHEN began < ${len(values)} THEN {number}")
    last = max(0, len(edges) - 2)
    return f"CASE {' '.join(cases)} ELSE {last} END" if cases else "CAST(0 AS BIGINT)"


def _filtered(filters: Sequence[tuple[str, Sequence[str]]], values: list[Value]) -> list[str]:
    """What a row has to have, in SQL; the values are added to those that are bound."""
    parts = []
    for name, wanted in filters:
        sql = DIMENSIONS[name]
        some = []
        for value in filter(None, wanted):
            values.append(value)
            some.append(f"${len(values)}")
        either = [f"{sql} IN ({', '.join(some)})"] if some else []
        if "" in wanted:
            either.append(f"{sql} IS NULL")
        parts.append(f"({' OR '.join(either)})")
    return parts


def _result(grouping: Grouping, row: Row) -> dict[str, Any]:
    dimensions = grouping.dimensions
    told: dict[str, Any] = dict(zip(dimensions, row[1:], strict=False))
    told |= dict(zip(_SUMS, row[1 + len(dimensions) :], strict=True))
    for name in ("latency", "first_token"):
        total, count, most = (told.pop(f"{name}_{kind}") for kind in ("sum", "count", "max"))
        told[f"{name}_seconds_average"] = total / count / _SECOND if count else None
        told[f"{name}_seconds_max"] = most / _SECOND if most is not None else None
    return told
