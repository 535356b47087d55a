"""What the gateway needs, and how that is: the last that is known, never asked for while somebody waits."""

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

Phase = Literal["starting", "serving", "draining"]

Condition: TypeAlias = tuple[str, str]
"""A dependency that is degraded, and in what way."""
Check: TypeAlias = Callable[[], Iterable[Condition]]
"""What is degraded of one room's dependencies, from what it already knows: at once, and without a request."""


class Health:
    """Whether requests are taken, and what of that which they need is not well."""

    __slots__ = ("checks", "phase")

    def __init__(self) -> None:
        self.phase: Phase = "starting"
        self.checks: list[Check] = []
        """Rooms that depend on something add theirs."""

    def degraded(self) -> dict[str, str]:
        """What is not well, by name."""
        return dict(condition for check in self.checks for condition in check())

    def gauges(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """The same for /metrics."""
        return [("degraded", (name,), 1.0) for name in self.degraded()]
