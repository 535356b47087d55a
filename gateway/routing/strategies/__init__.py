"""Whom to ask first: one strategy a file, each an `order` of a route's candidates."""

from collections.abc import Callable, Mapping

from config.routing import Strategy as Name
from gateway.route import Route
from gateway.routing.strategies.contract import Strategy
from gateway.routing.strategies.least_busy import LeastBusy
from gateway.routing.strategies.lowest_cost import LowestCost
from gateway.routing.strategies.lowest_latency import LowestLatency
from gateway.routing.strategies.ordered import Ordered
from gateway.routing.strategies.round_robin import RoundRobin
from gateway.routing.strategies.sticky import Sticky
from gateway.routing.strategies.usage_based import UsageBased
from gateway.routing.strategies.weighted import Weighted

_STRATEGIES: Mapping[Name, Callable[[Route], Strategy]] = {
    "ordered": lambda route: Ordered(),
    "weighted": lambda route: Weighted(),
    "round_robin": lambda route: RoundRobin(),
    "least_busy": lambda route: LeastBusy(),
    "lowest_latency": lambda route: LowestLatency(),
    "lowest_cost": LowestCost,
    "usage_based": lambda route: UsageBased(),
    "sticky": lambda route: Sticky(route.settings.sticky),
}


def strategy_of(route: Route) -> Strategy:
    """The strategy that a route's settings name, with a memory of its own."""
    return _STRATEGIES[route.settings.strategy](route)
