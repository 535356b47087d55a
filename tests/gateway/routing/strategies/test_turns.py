"""ordered, round_robin and least_busy."""

from gateway.routing.strategies.least_busy import LeastBusy
from gateway.routing.strategies.ordered import Ordered
from gateway.routing.strategies.round_robin import RoundRobin
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import candidates, names


async def test_ordered_keeps_the_order_of_the_configuration() -> None:
    strategy, call = Ordered(), a_call()
    for _ in range(2):
        assert names(strategy.order(call, candidates(3))) == ["p0", "p1", "p2"]


async def test_round_robin_begins_one_further_on_each_time() -> None:
    strategy, call, among = RoundRobin(), a_call(), candidates(3)
    assert [names(strategy.order(call, among)) for _ in range(4)] == [
        ["p0", "p1", "p2"],
        ["p1", "p2", "p0"],
        ["p2", "p0", "p1"],
        ["p0", "p1", "p2"],
    ]


async def test_round_robin_goes_on_among_those_that_do_not_rest() -> None:
    strategy, call, among = RoundRobin(), a_call(), candidates(3)
    strategy.order(call, among)
    assert {names(strategy.order(call, among[:2]))[0] for _ in range(2)} == {"p0", "p1"}


async def test_least_busy_asks_where_least_is_under_way() -> None:
    strategy, call, among = LeastBusy(), a_call(), candidates(3)
    for each, busy in zip(among, (4, 1, 2), strict=True):
        each.standing.in_flight = busy
    for _ in range(3):
        assert names(strategy.order(call, among)) == ["p1", "p2", "p0"]


async def test_least_busy_takes_turns_among_equals() -> None:
    strategy, call, among = LeastBusy(), a_call(), candidates(3)
    assert sorted(names(strategy.order(call, among))[0] for _ in range(3)) == ["p0", "p1", "p2"]
