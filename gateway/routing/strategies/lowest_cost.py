"""`lowest_cost`: where this call is expected to cost least."""

import logging
import math

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.cost import cost_of
from gateway.route import Route
from gateway.routing.prompt import answer_limit, prompt_bytes
from gateway.routing.strategies.contract import Candidate, Candidates

log = logging.getLogger("isthmus.balance")

_BYTES_PER_TOKEN = 4


class LowestCost:
    """By the prices of the facts; one without prices comes last, which is logged."""

    __slots__ = ()

    def __init__(self, route: Route) -> None:
        for target, facts in zip(route.targets, route.facts, strict=True):
            if facts is None or facts.prices is None:
                unpriced = f"{target.provider}/{target.model}"
                log.warning("models.%s: %s comes last, as its price is unknown: say it in facts", route.name, unpriced)

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
