"""The layer with a store in memory and an upstream that answers as it is told, for its tests."""

from typing import Any

from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.facts import Facts, Prices
from config.limits import Budget, CallLimits, Limit
from config.routing import Deployment, Model
from config.schema import Operation
from gateway.auth import Caller
from gateway.call import Call, Cause, Reply
from gateway.layers.limits.layer import Limits
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.route import Route
from gateway.state.limits.desk import Desk
from tests.gateway.calls import a_call, a_target

DOLLAR_A_TOKEN = Facts(context=1_000_000, prices=Prices(prompt=1_000_000, completion=1_000_000, version="2026-11-01"))
TOKENS_OF_A_CALL = 1_100
"""A bound that the small calls of these tests stay below, answer aside."""


def a_route(*facts: Facts | None, **settings: Any) -> Route:
    targets = tuple(a_target(model=f"model-{index}") for index in range(len(facts)))
    deployments = [Deployment(provider=target.provider, model=target.model) for target in targets]
    return Route("m", Model(deployments=deployments, **settings), targets, facts)


def a_caller(name: str = "a", limit: Limit | None = None, **more: Any) -> Caller:
    return Caller(name, ["*"], limit=limit, **more)


def dollars(usd: float, per: Any = "day", warn: float | None = None) -> Limit:
    return Limit(budgets=[Budget(per=per, usd=usd, warn_usd=warn)])


class Limited:
    """The layer; calls pass through it as through a gateway."""

    def __init__(
        self, limits: CallLimits | None = None, *, route: Route | None = None, desk: Desk | None = None
    ) -> None:
        self.counters = Counters()
        self.desk = desk or Desk(self.counters)
        self.estimates = Estimates(Counter())
        self.route = route or a_route(DOLLAR_A_TOKEN)
        self.usage: Usage | None = Usage(10, 10)
        self.causes: tuple[Cause, ...] = ("first",)
        self.headers: list[tuple[bytes, bytes]] = []
        self.fault: GatewayError | None = None
        self.layer = Limits(self.answer, limits or CallLimits(), self.desk, self.estimates, self.counters)

    async def answer(self, call: Call) -> Reply:
        for cause in self.causes:
            attempt = call.begin(self.route.targets[0], cause, 1.0)
            attempt.ended = attempt.first = 2.0
            attempt.status, attempt.usage = 200, self.usage
        call.usage, call.status = self.usage, 200
        if self.fault is not None:
            call.attempts[-1].error, call.attempts[-1].status = "broken", self.fault.status
            raise self.fault
        return Reply(200, list(self.headers))

    def call(self, caller: Caller, operation: Operation = "chat", **fields: Any) -> Call:
        fields = fields or {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
        call = a_call(operation, caller, **fields)
        call.route = self.route
        return call

    async def ask(self, caller: Caller, **fields: Any) -> dict[str, str]:
        """Have a call answered and closed; gives the headers."""
        call = self.call(caller, **fields)
        try:
            reply = await self.layer(call)
        finally:
            call.close()
        return {name.decode(): value.decode() for name, value in (*reply.headers, *call.told)}
