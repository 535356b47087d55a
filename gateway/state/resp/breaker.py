"""Leaves a server alone that does not answer, and looks after it from time to time."""

import time

_FAILURES = 3
"""In a row: so many commands' time may be lost before the server is left alone."""
_REST_MIN = 0.1
_REST_MAX = 5.0
"""Seconds."""


class Breaker:
    """Counts failures in a row. After some of them the server rests; then one command at a time may try it."""

    __slots__ = ("_failures", "_rest", "_rests_until", "trouble")

    def __init__(self) -> None:
        self._failures = 0
        self._rest = 0.0
        self._rests_until = 0.0
        self.trouble: str | None = None
        """Why the last command failed; None where it did not."""

    def lets_through(self) -> bool:
        """Whether to ask the server. Whoever is let through after a rest asks alone: others wait for its outcome."""
        if self._failures < _FAILURES:
            return True
        now = time.monotonic()
        if now < self._rests_until:
            return False
        self._rests_until = now + self._rest
        return True

    def answered(self) -> None:
        """The server has answered something."""
        if self._failures:
            self._failures = 0
            self._rest = 0.0
        self.trouble = None

    def broke(self, reason: str) -> None:
        """A connection with commands under way was lost, was not made, or took too long."""
        self._failures += 1
        self.trouble = reason
        if self._failures >= _FAILURES:
            self._rest = min(max(self._rest * 2, _REST_MIN), _REST_MAX)
            self._rests_until = time.monotonic() + self._rest
