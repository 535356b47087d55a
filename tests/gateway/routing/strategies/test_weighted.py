"""weighted: after any number of calls, each candidate has had its share to within one call."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.routing import Deployment
from gateway.routing.strategies.contract import Candidate
from gateway.routing.strategies.weighted import Weighted
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import NO_CALL, candidate, names


def weighing(*weights: float) -> tuple[Candidate, ...]:
    return tuple(
        candidate(f"p{index}", deployment=Deployment(provider=f"p{index}", model="llama", weight=weight))
        for index, weight in enumerate(weights)
    )


def firsts(strategy: Weighted, among: tuple[Candidate, ...], calls: int) -> list[str]:
    return [names(strategy.order(NO_CALL, among))[0] for _ in range(calls)]


@given(weights=st.lists(st.floats(0.01, 1_000), min_size=2, max_size=8), calls=st.integers(1, 300))
def test_shares_are_exact_to_within_one_call_at_every_moment(weights: list[float], calls: int) -> None:
    had: Counter[str] = Counter()
    for made, name in enumerate(firsts(Weighted(), weighing(*weights), calls), 1):
        had[name] += 1
        for index, weight in enumerate(weights):
            assert abs(had[f"p{index}"] - made * weight / sum(weights)) < 1


def test_calls_are_spread_and_do_not_come_in_runs() -> None:
    assert (
        firsts(Weighted(), weighing(3, 1), 8) == ["p0", "p1", "p0", "p0"] * 2
        or firsts(Weighted(), weighing(3, 1), 8) == ["p0", "p0", "p1", "p0"] * 2
    )


def test_while_one_rests_the_others_share_its_calls_by_their_weights() -> None:
    strategy, among = Weighted(), weighing(5, 2, 1)
    firsts(strategy, among, 7)
    assert Counter(firsts(strategy, among[1:], 30)) == {"p1": 20, "p2": 10}
    assert Counter(firsts(strategy, among, 80)) == {"p0": 50, "p1": 20, "p2": 10}


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_everyone_is_in_the_order_once(number: int) -> None:
    among = weighing(*range(1, number + 1))
    assert sorted(names(Weighted().order(a_call(), among))) == sorted(names(among))
