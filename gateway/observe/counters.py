"""What happened how often, by labels: counted in memory, read by whoever exports metrics."""

from collections import defaultdict


class Counters:
    """Numbers that only grow. A name has the same labels wherever it is counted, and few values of each."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: defaultdict[tuple[str, ...], float] = defaultdict(float)
        """By name and values of its labels."""

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Count something once, or `amount` times."""
        self.values[name, *labels] += amount
