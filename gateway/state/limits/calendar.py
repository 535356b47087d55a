"""Periods of the calendar, in UTC: their numbers, and when they end."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from gateway.state.limits.contract import NEVER

_DAY = 86_400_000


def period_of(per: str, now: int) -> tuple[int, int]:
    """The number of the period that a time in milliseconds falls into, and when it ends."""
    if per == "total":
        return 0, NEVER
    day = now // _DAY
    return (day, (day + 1) * _DAY) if per == "day" else _month(day)


def start_of(per: str, period: int) -> int:
    """When a period of that number begins, in milliseconds."""
    if per == "total":
        return 0
    if per == "day":
        return period * _DAY
    year, month = divmod(period - 1, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1_000


@lru_cache(maxsize=64)
def _month(day: int) -> tuple[int, int]:
    first = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return first.year * 12 + first.month, int(after.timestamp()) * 1_000
