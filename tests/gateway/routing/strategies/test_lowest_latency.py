"""lowest_latency: the sooner of two, looked at again after a while, and not by everybody at once."""

import asyncio
import random
from collections import Counter

from gateway.routing.strategies.contract import Candidate
from gateway.routing.strategies.lowest_latency import LowestLatency
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import candidates, names


def answered(candidate: Candidate, seconds: float, ago: float = 0.0) -> None:
    candidate.standing.first_contents.add(seconds, asyncio.get_running_loop().time() - ago)


async def test_the_sooner_of_two_is_asked_first() -> None:
    among = candidates(2)
    answered(among[0], 2.0)
    answered(among[1], 0.5)
    assert names(LowestLatency().order(a_call(), among)) == ["p1", "p0"]


async def test_one_that_was_never_asked_is_asked_by_one_call_only() -> None:
    among = candidates(2)
    answered(among[0], 0.5)
    strategy = LowestLatency()
    assert names(strategy.order(a_call(), among))[0] == "p1"
    among[1].standing.in_flight = 1
    assert names(strategy.order(a_call(), among))[0] == "p0"


async def test_a_slow_one_is_looked_at_again_after_a_while() -> None:
    among = candidates(2)
    answered(among[0], 0.5)
    answered(among[1], 5.0, ago=60.0)
    assert names(LowestLatency().order(a_call(), among))[0] == "p1"


async def test_what_is_under_way_counts() -> None:
    among = candidates(2)
    answered(among[0], 0.5)
    answered(among[1], 0.8)
    among[0].standing.in_flight = 3
    assert names(LowestLatency().order(a_call(), among))[0] == "p1"


async def test_of_many_the_best_of_two_picked_at_random_is_asked() -> None:
    among = candidates(4)
    for index, each in enumerate(among):
        answered(each, 1.0 + index)
    strategy = LowestLatency(random.Random(1))
    first = Counter(names(strategy.order(a_call(), among))[0] for _ in range(600))
    assert first["p0"] > first["p1"] > first["p2"] > 0
    assert first["p3"] == 0
