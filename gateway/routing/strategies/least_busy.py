"""`least_busy`: where the fewest attempts of this worker are under way."""

from gateway.call import Call
from gateway.routing.strategies.contract import Candidates


class LeastBusy:
    """Among equally busy ones, each in turn."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = -1

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """The least busy first."""
        self._turn = turn = (self._turn + 1) % len(candidates)
        return sorted([*candidates[turn:], *candidates[:turn]], key=lambda each: each.standing.busy)
