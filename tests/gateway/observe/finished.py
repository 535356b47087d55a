"""Calls that are over, as the sinks see them."""

from typing import Any

from adapters.inference.contract import Target
from adapters.wire.usage import Usage
from config.facts import Facts, Prices
from config.routing import Deployment, Model
from gateway.auth import ANYBODY, Caller
from gateway.call import Call
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.metrics import Metrics
from gateway.route import Route
from tests.gateway.calls import a_call, a_target

USAGE = Usage(20, 31)
PRICES = Prices(prompt=2, completion=10, cached=1, version="2026-11-01")


def metrics() -> Metrics:
    """One worker's."""
    return Metrics(Counters(), [], Estimates(Counter()))


def a_route(*targets: Target, name: str = "fast", prices: Prices | None = PRICES) -> Route:
    """A route to these targets, all at the same prices."""
    deployments = [Deployment(provider=target.provider, model=target.model) for target in targets]
    return Route(name, Model(deployments=deployments), targets, (Facts(prices=prices),) * len(targets))


_ROUTE = a_route(a_target())


def finished(
    *,
    route: Route | None = None,
    caller: Caller = ANYBODY,
    status: int = 200,
    error: str | None = None,
    usage: Usage | None = USAGE,
    seconds: float = 2.0,
    **fields: Any,
) -> Call:
    """A call that was answered by its route's first target, its first content after half a second."""
    call = a_call(caller=caller, **fields)
    call.route = route or _ROUTE
    attempt = call.begin(call.route.targets[0], "first", call.received)
    attempt.status, attempt.error, attempt.usage = status, error, usage
    attempt.first = 0.0 if error else call.received + 0.5
    attempt.ended = call.ended = call.received + seconds
    call.status, call.error, call.usage = status, error, usage
    return call
