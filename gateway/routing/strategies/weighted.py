"""`weighted`: each its part of the calls, evenly spread.

Not by chance: after any number of calls each candidate has had its share, to within one call. That is Tijdeman's answer
to the "chairman assignment problem" (Discrete Mathematics 32, 1980, https://doi.org/10.1016/0012-365X(80)90269-1):
of those whose credit has grown enough, the one is taken that would be the first to be owed a whole call.
"""

from gateway.call import Call
from gateway.routing.strategies.contract import Candidate, Candidates


class Weighted:
    """Keeps what each candidate is owed, as a part of a call; begins anew when one of them rests or comes back."""

    __slots__ = ("_among", "_owed", "_shares", "_slack")

    def __init__(self) -> None:
        self._among: Candidates = ()
        self._shares: list[float] = []
        self._owed: list[float] = []
        self._slack = 0.0

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """The one whose turn it is, then the others, whoever is owed most first."""
        if len(candidates) == 1:
            return candidates
        if candidates is not self._among and list(candidates) != list(self._among):
            self._begin(candidates)
        owed = self._owed
        for index, share in enumerate(self._shares):
            owed[index] += share
        first = self._next()
        owed[first] -= 1
        others = sorted(range(len(candidates)), key=lambda index: (index != first, -owed[index]))
        return [candidates[index] for index in others]

    def _begin(self, candidates: Candidates) -> None:
        weights = [_weight(candidate) for candidate in candidates]
        total = sum(weights)
        self._among = candidates
        self._shares = [weight / total for weight in weights]
        self._owed = [0.0] * len(weights)
        self._slack = 1 / (2 * len(weights) - 2)

    def _next(self) -> int:
        """Of those owed at least the slack, the first to be owed a whole call."""
        owed, shares, least = self._owed, self._shares, self._slack - 1e-9
        ready = [index for index, part in enumerate(owed) if part >= least]
        return min(ready, key=lambda index: (1 - self._slack - owed[index]) / shares[index])


def _weight(candidate: Candidate) -> float:
    return candidate.deployment.weight
