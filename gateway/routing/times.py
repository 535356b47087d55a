"""How long a target takes to begin an answer: the mean of late, and the recent ones for quantiles."""

import math
from collections import deque

_WEIGHT = 0.2
"""Of a new sample in the mean."""
_HALF_LIFE = 10.0
"""Seconds without an answer after which the mean counts half: a slow target is looked at again."""
_KEPT = 256
_FEWEST = 20
_STALE = 16
"""Samples after which a quantile is taken anew."""


class FirstContents:
    """Seconds to the first content of a target's recent answers."""

    __slots__ = ("_at", "_mean", "_new", "_quantiles", "_recent")

    def __init__(self) -> None:
        self._mean = 0.0
        self._at = 0.0
        self._recent: deque[float] = deque(maxlen=_KEPT)
        self._quantiles: dict[float, float] = {}
        self._new = 0

    def add(self, seconds: float, now: float) -> None:
        """Take one more."""
        self._mean += (_WEIGHT if self._recent else 1.0) * (seconds - self._mean)
        self._at = now
        self._recent.append(seconds)
        self._new += 1
        if self._new >= _STALE:
            self._new = 0
            self._quantiles.clear()

    def mean(self, now: float) -> float | None:
        """The mean, the smaller the older it is; None while there is none."""
        if not self._recent:
            return None
        return self._mean * math.exp2((self._at - now) / _HALF_LIFE)

    def within(self, quantile: float) -> float | None:
        """Seconds within which this part of the recent answers began; None while too few are known."""
        if len(self._recent) < _FEWEST:
            return None
        known = self._quantiles.get(quantile)
        if known is None:
            known = sorted(self._recent)[min(len(self._recent) - 1, int(quantile * len(self._recent)))]
            self._quantiles[quantile] = known
        return known
