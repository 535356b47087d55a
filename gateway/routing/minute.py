"""What a target was asked for in the last minute, here and, where there is a Redis, by every worker and replica."""

from typing import NamedTuple

_SECONDS = 60


class Used(NamedTuple):
    """Requests and tokens."""

    requests: float
    tokens: float


class Minute:
    """A sliding minute: this one so far, and of the one before what still lies within 60 seconds.

    Counting is local; `take` gives what others have not been told yet, `hear` brings what all of them have counted.
    """

    __slots__ = ("_elsewhere", "_heard_at", "_now", "_past", "_start", "_untold")

    def __init__(self) -> None:
        self._start = 0.0
        self._now = [0.0, 0.0]
        self._past = [0.0, 0.0]
        self._untold = [0, 0]
        self._elsewhere: Used | None = None
        self._heard_at = 0.0

    def add(self, now: float, requests: int, tokens: int) -> None:
        """Count what this worker asked for."""
        self._turn(now)
        self._now[0] += requests
        self._now[1] += tokens
        self._untold[0] += requests
        self._untold[1] += tokens

    def used(self, now: float) -> Used:
        """What was used in the last 60 seconds, by all that is known."""
        self._turn(now)
        if self._elsewhere is not None and now - self._heard_at < _SECONDS:
            fade = 1 - (now - self._heard_at) / _SECONDS
            requests, tokens = self._elsewhere
            return Used(requests * fade + self._untold[0], tokens * fade + self._untold[1])
        left = 1 - (now - self._start) / _SECONDS
        return Used(self._now[0] + left * self._past[0], self._now[1] + left * self._past[1])

    def take(self) -> tuple[int, int]:
        """What others have not been told yet; from now on they have."""
        requests, tokens = self._untold
        self._untold = [0, 0]
        return requests, tokens

    def give_back(self, requests: int, tokens: int) -> None:
        """They could not be told after all."""
        self._untold[0] += requests
        self._untold[1] += tokens

    def hear(self, used: Used, now: float) -> None:
        """What all of them have counted, this worker's own included as far as it was told."""
        self._elsewhere = used
        self._heard_at = now

    def _turn(self, now: float) -> None:
        passed = now - self._start
        if passed >= _SECONDS:
            self._past = self._now if passed < 2 * _SECONDS else [0.0, 0.0]
            self._now = [0.0, 0.0]
            self._start += passed // _SECONDS * _SECONDS
