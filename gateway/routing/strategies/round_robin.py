"""`round_robin`: each in turn."""

from gateway.call import Call
from gateway.routing.strategies.contract import Candidates


class RoundRobin:
    """Begins one further on with each call."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = -1

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """From the one whose turn it is on, around."""
        self._turn = turn = (self._turn + 1) % len(candidates)
        return [*candidates[turn:], *candidates[:turn]]
