"""Buckets as a configuration makes them, for tests of the stores."""

from collections.abc import Callable

from gateway.state.limits.contract import Bucket, Measure

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_700_000_000_000
"""2023-11-14 22:13:20 UTC."""


def requests(most: int, name: str = "requests") -> Bucket:
    return Bucket(name, Measure.REQUESTS, most, width=1_000, slots=60)


def tokens(most: int, name: str = "tokens") -> Bucket:
    return Bucket(name, Measure.TOKENS, most, width=1_000, slots=60)


def tokens_per_day(most: int) -> Bucket:
    return Bucket("tokens_per_day", Measure.TOKENS, most, width=600_000, slots=144)


def parallel(most: int) -> Bucket:
    return Bucket("parallel", Measure.PARALLEL, most)


def money(most: int, per: str = "day", warn: int = 0) -> Bucket:
    return Bucket(f"money:{per}", Measure.MONEY, most, per=per, warn=warn)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def untold(bucket: Bucket, spent: int) -> None:
    """Nobody wants to know."""


Told = Callable[[Bucket, int], None]
