"""`usage_based`: where most is left of what the provider grants for a minute."""

import asyncio

from gateway.call import Call
from gateway.routing.strategies.contract import Candidate, Candidates


class UsageBased:
    """By the part of a deployment's requests or tokens that is left, whichever is scarcer."""

    __slots__ = ()

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """The one with most room first."""
        now = asyncio.get_running_loop().time()
        return sorted(candidates, key=lambda each: -_room(each, now))


def _room(candidate: Candidate, now: float) -> float:
    """1 for unused, 0 for used up; what is under way counts with the tokens that its answers usually have."""
    deployment, standing = candidate.deployment, candidate.standing
    used = standing.minute.used(now)
    room = 1.0
    if deployment.requests_per_minute is not None:
        room = 1 - used.requests / deployment.requests_per_minute
    if deployment.tokens_per_minute is not None:
        expected = used.tokens + standing.in_flight * standing.completion_tokens
        room = min(room, 1 - expected / deployment.tokens_per_minute)
    return room
