"""Candidates as the balancer makes them, for tests of strategies."""

from typing import cast

from adapters.inference.contract import Target
from config.facts import Facts
from config.routing import Deployment
from config.schema import Provider
from gateway.call import Call
from gateway.routing.standing import Standing, Standings
from gateway.routing.strategies.contract import Candidate, Candidates
from tests.gateway.calls import a_target

NO_CALL = cast(Call, None)
"""For strategies that do not look at it."""


def candidate(provider: str = "lab", *, facts: Facts | None = None, deployment: Deployment | None = None) -> Candidate:
    """A target that nothing is known of yet."""
    target = a_target(provider)
    standing = Standing(provider, target.model, Provider(base_url=f"http://{provider}/v1"))
    return Candidate(target, deployment or Deployment(provider=provider, model=target.model), facts, standing)


def candidates(number: int) -> tuple[Candidate, ...]:
    """So many of them: p0, p1 …"""
    return tuple(candidate(f"p{index}") for index in range(number))


def names(ordered: Candidates) -> list[str]:
    """Their providers."""
    return [each.target.provider for each in ordered]


def standing_of(standings: Standings, target: Target) -> Standing:
    """What is known of a target."""
    return next(each for each in standings if (each.provider, each.model) == (target.provider, target.model))
