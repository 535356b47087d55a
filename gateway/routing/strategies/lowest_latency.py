"""`lowest_latency`: the sooner of two, by the time to the first token.

Power of two choices: the best of two picked at random, so that calls do not all run to the one that was fastest a
moment ago (Mitzenmacher, https://www.eecs.harvard.edu/~michaelm/postscripts/tpds2001.pdf). A mean that is not renewed
decays, so a slow target is looked at again; what is under way there counts, so that it is not by many at once (both
as in Finagle's Peak EWMA, https://twitter.github.io/finagle/guide/Clients.html#power-of-two-choices-p2c-least-loaded).
"""

import asyncio
import random

from gateway.call import Call
from gateway.routing.strategies.contract import Candidate, Candidates

_UNKNOWN = 1.0
"""Seconds that a target is taken to need as long as its first answer is awaited."""


class LowestLatency:
    """`chance` picks the two."""

    __slots__ = ("_chance",)

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - no secret

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """The sooner of two first, the others after it by the same measure."""
        now = asyncio.get_running_loop().time()
        by_wait = sorted(candidates, key=lambda each: _wait(each, now))
        if len(by_wait) > 2:
            first = min(self._chance.sample(range(len(by_wait)), 2))
            by_wait.insert(0, by_wait.pop(first))
        return by_wait


def _wait(candidate: Candidate, now: float) -> float:
    standing = candidate.standing
    mean = standing.first_contents.mean(now)
    if mean is None:
        return _UNKNOWN * standing.busy
    return mean * (standing.busy + 1)
