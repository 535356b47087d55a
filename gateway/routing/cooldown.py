"""The circuit breaker of a target: failures open it, it rests, probes close it again.

Pure: times come in as arguments, in seconds on the loop's clock. What workers and replicas tell each other about it is
in `shared.py`.
"""

from collections import deque
from typing import Literal, TypeAlias

from config.routing import Cooldown
from gateway.call import Attempt

Change: TypeAlias = Literal["opened", "closed"]

WINDOW = 30.0
"""Seconds over which the error rate is taken."""
_LONGEST_REST = 300.0
_LONGEST_ASKED_REST = 3_600.0
"""A provider that asks for more is probed after this: it may have been a mistake."""
PROBE_SECONDS = 60.0
"""A probe without an outcome after this is taken for lost."""
_ASK_AGAIN = 1.0
_A_MESSAGES_WAY = 0.5
_ASK_LATER = frozenset({429, 503, 529})
_TIMED_OUT, _TOO_MANY, _CLIENT_LEFT = 408, 429, 499
_NO_FAULTS = frozenset({"overloaded", "content_filter", "context_length_exceeded", "invalid_request_error"})
"""Codes that say nothing of a target, even inside a stream: no connection to spare here, or the client's own fault."""


def succeeded(attempt: Attempt) -> bool | None:
    """Whether an attempt speaks for its target; None where it says nothing: a client's fault, or its leaving."""
    status = attempt.status
    if status == _CLIENT_LEFT or attempt.error in _NO_FAULTS:
        return None
    if attempt.error is None:
        return True
    if 400 <= status < 500 and status not in (_TIMED_OUT, _TOO_MANY):
        return None
    return False


class Breaker:
    """Closed, then resting until a time, then half open: a few probes decide."""

    __slots__ = ("_failures_in_row", "_probes", "_settings", "_successes", "_window", "openings", "until")

    def __init__(self, settings: Cooldown) -> None:
        self._settings = settings
        self._window = _Window()
        self._failures_in_row = 0
        self.until: float | None = None
        """When its rest is over, or was; None while it is closed."""
        self.openings = 0
        """How often it opened since it was last closed: each doubles the rest."""
        self._successes = 0
        self._probes: list[float] = []
        """When each probe under way began."""

    @property
    def probes(self) -> int:
        """How many probes may be under way at once, and how many must succeed."""
        return self._settings.probes

    def configure(self, settings: Cooldown) -> None:
        """Go on by other settings; what is known stays."""
        self._settings = settings

    def rests(self, now: float) -> float:
        """Seconds until it may be asked; 0 when it may, if only by a probe."""
        if self.until is None:
            return 0.0
        if now < self.until:
            return self.until - now
        self._probes = [began for began in self._probes if now - began < PROBE_SECONDS]
        return 0.0 if len(self._probes) < self._settings.probes else _ASK_AGAIN

    def probe(self, now: float) -> None:
        """A probe begins."""
        self._probes.append(now)

    def probed_elsewhere(self, now: float) -> None:
        """Another worker has the probe: ask again in a while."""
        self._probes.append(now + _ASK_AGAIN - PROBE_SECONDS)

    def unprobe(self) -> None:
        """A probe ends without an outcome."""
        if self._probes:
            self._probes.pop()

    def record(self, attempt: Attempt, now: float) -> Change | None:
        """Learn from an attempt that has ended; says whether that opened or closed it."""
        success = succeeded(attempt)
        if self.until is None:
            return self._when_closed(success, attempt, now)
        if now < self.until:
            return self._when_resting(success, attempt, now)
        return self._when_half_open(success, attempt, now)

    def _when_closed(self, success: bool | None, attempt: Attempt, now: float) -> Change | None:
        if success is None:
            return None
        window = self._window
        window.add(now, failed=not success)
        if success:
            self._failures_in_row = 0
            return None
        self._failures_in_row += 1
        settings = self._settings
        many = window.calls >= settings.calls and window.failures >= settings.error_rate * window.calls
        if many or self._failures_in_row >= settings.failures:
            return self._open(now, attempt)
        if (asked := _asked_rest(attempt)) is not None:
            self._rest(now + asked, self.openings)
            return "opened"
        return None

    def _when_resting(self, success: bool | None, attempt: Attempt, now: float) -> Change | None:
        """Late outcomes change nothing, unless the provider asks for a longer rest."""
        if success is False and (asked := _asked_rest(attempt)) is not None:
            assert self.until is not None  # noqa: S101 - it rests
            if now + asked > self.until:
                self.until = now + asked
                return "opened"
        return None

    def _when_half_open(self, success: bool | None, attempt: Attempt, now: float) -> Change | None:
        assert self.until is not None  # noqa: S101 - it is half open
        if attempt.began < self.until:
            return None
        self.unprobe()
        if success is None:
            return None
        if not success:
            return self._open(now, attempt)
        self._successes += 1
        if self._successes < self._settings.probes:
            return None
        self.close()
        return "closed"

    def _open(self, now: float, attempt: Attempt) -> Change:
        rest = min(_LONGEST_REST, self._settings.seconds * 2**self.openings)
        self._rest(now + max(rest, _asked_rest(attempt) or 0.0), self.openings + 1)
        return "opened"

    def _rest(self, until: float, openings: int) -> None:
        self.until = until
        self.openings = openings
        self._successes = 0
        self._probes.clear()

    def hear(self, until: float, openings: int) -> None:
        """Another worker opened it; what differs by no more than a message's way is not news."""
        if self.until is None or until > self.until + _A_MESSAGES_WAY:
            self._rest(until, max(openings, self.openings))

    def close(self) -> None:
        """It is well again, here or as another worker found."""
        self.until = None
        self.openings = 0
        self._successes = 0
        self._failures_in_row = 0
        self._probes.clear()
        self._window = _Window()


def _asked_rest(attempt: Attempt) -> float | None:
    """What the provider said with `Retry-After`, where it refused for lack of room."""
    if attempt.retry_after is None or attempt.retry_after <= 0 or attempt.status not in _ASK_LATER:
        return None
    return min(attempt.retry_after, _LONGEST_ASKED_REST)


class _Window:
    """Calls and failures of the last 30 s, by second."""

    __slots__ = ("_seconds", "calls", "failures")

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        self.calls = 0
        self.failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Count one call."""
        second = int(now)
        seconds = self._seconds
        if not seconds or seconds[-1][0] != second:
            seconds.append([second, 0, 0])
            while seconds[0][0] <= second - WINDOW:
                _, calls, failures = seconds.popleft()
                self.calls -= calls
                self.failures -= failures
        last = seconds[-1]
        last[1] += 1
        self.calls += 1
        if failed:
            last[2] += 1
            self.failures += 1
