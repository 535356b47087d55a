"""`lowest_cost`: where this call is expected to cost least."""

import math

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.cost import cost_of
from gateway.routing.prompt import answer_limit, prompt_bytes
from gateway.routing.strategies.contract import Candidate, Candidates

_BYTES_PER_TOKEN = 4


class LowestCost:
    """By the prices of the facts; one without prices comes last."""

    __slots__ = ()

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """The cheapest first; equals as the configuration lists them."""
        prompt = sum(map(len, prompt_bytes(call.body))) // _BYTES_PER_TOKEN
        most = answer_limit(call.body) if call.generates else 0
        return sorted(candidates, key=lambda each: _cost(each, prompt, most))


def _cost(candidate: Candidate, prompt: int, most: int | None) -> float:
    """Nano-dollars for a prompt of so many tokens and an answer of the usual length, at most `most`."""
    facts = candidate.facts
    if facts is None or facts.prices is None:
        return math.inf
    usual = int(candidate.standing.completion_tokens)
    completion = usual if most is None else min(most, usual)
    return cost_of(Usage(prompt, completion), facts.prices)
