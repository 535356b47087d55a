"""What happened to a route lately, and what may be asked again because of it."""

from collections import deque

_PARTS = 10
_SECONDS = 30.0
_FLOOR = 10


class Window:
    """The sum of what was added in the last so many seconds, in tenths of them."""

    __slots__ = ("_part", "_parts", "_until")

    def __init__(self, seconds: float) -> None:
        self._part = seconds / _PARTS
        self._parts = deque([0.0] * _PARTS, maxlen=_PARTS)
        self._until = 0.0

    def add(self, now: float, amount: float = 1.0) -> None:
        """Add something that happens now."""
        if now >= self._until:
            self._turn(now)
        self._parts[-1] += amount

    def total(self, now: float) -> float:
        """The sum."""
        if now >= self._until:
            self._turn(now)
        return sum(self._parts)

    def _turn(self, now: float) -> None:
        passed = int((now - self._until) / self._part) + 1
        self._parts.extend([0.0] * min(passed, _PARTS))
        self._until += passed * self._part


class Budget:
    """Bounds what is asked again to a share of what is asked, so that an outage is not multiplied."""

    __slots__ = ("_again", "_share", "note")

    def __init__(self, share: float) -> None:
        asked = Window(_SECONDS)
        self._share = (share, asked)
        self._again = Window(_SECONDS)
        self.note = asked.add
        """A request comes in, at this time."""

    def take(self, now: float) -> bool:
        """Whether something may be asked again now; it counts as asked then."""
        share, asked = self._share
        if self._again.total(now) + 1 > share * asked.total(now) + _FLOOR:
            return False
        self._again.add(now)
        return True
