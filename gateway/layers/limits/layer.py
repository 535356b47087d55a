"""Reserves the largest use of a call in all its limits before it goes on; its end settles to what it really used."""

from collections.abc import Awaitable
from functools import partial
from typing import Final

from adapters.wire.errors import GatewayError
from config.limits import CallLimits
from gateway.call import Call, Handler, Reply
from gateway.cost import cost_of, dollars
from gateway.layers.limits.accounts import Account, Accounts
from gateway.layers.limits.bounds import Bounds, largest_cost
from gateway.layers.limits.errors import LimitsUnavailable, PriceUnknown, refused
from gateway.layers.limits.headers import printable, standing, standing_refused, warning
from gateway.layers.limits.settlement import Settlement
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.state.faults import RedisUnavailable
from gateway.state.limits.contract import Amounts, Lease, LimitStore, Refusal, Unread
from gateway.state.limits.desk import Desk

_COST: Final = b"x-isthmus-cost"
_WARNING: Final = b"x-isthmus-budget-warning"
_RETRY_SECONDS: Final = 1.0
_ONE: Final[Amounts] = (1, 0, 1, 0)
"""A call that is counted, and nothing else of it."""


class Limits:
    """The layer."""

    __slots__ = ("_accounts", "_bounds", "_counters", "_desk", "_estimates", "_handler", "_limits")

    def __init__(
        self, handler: Handler, limits: CallLimits, desk: Desk, estimates: Estimates, counters: Counters
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._desk = desk
        self._estimates = estimates
        self._counters = counters
        self._accounts = Accounts(limits)
        self._bounds = Bounds(limits)

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises RateLimited, BudgetSpent, PriceUnknown and LimitsUnavailable."""
        account = self._accounts.find(call.caller, call.body.model)
        if account is None:
            return self._handler(call)
        amounts = self._largest(call, account) if account.spends or account.counts_tokens else _ONE
        store: LimitStore = self._desk.store
        answer = store.reserve_at_once(account.buckets, amounts)
        if answer is None:
            return self._wait(store, account, amounts, call)
        return self._go_on(call, account, store, answer)

    async def _wait(self, store: LimitStore, account: Account, amounts: Amounts, call: Call) -> Reply:
        """Reserve where it takes time."""
        try:
            answer = await store.reserve(account.buckets, amounts, call.attempts)
        except RedisUnavailable:
            store = self._without_redis(account)
            answer = await store.reserve(account.buckets, amounts)
        except Unread:
            raise self._unread() from None
        return await self._go_on(call, account, store, answer)

    def _go_on(self, call: Call, account: Account, store: LimitStore, answer: Lease | Refusal) -> Awaitable[Reply]:
        if isinstance(answer, Refusal):
            raise self._refuse(answer)
        call.on_close.append(partial(self._settle, store, answer, account.spends))
        call.is_limited = True
        call.told = told = standing(answer, account.groups)
        if account.warns and (said := warning(answer.buckets, answer.spent, account.warns)):
            told.append((_WARNING, printable(said)))
        return self._with_cost(call) if account.spends else self._handler(call)

    async def _with_cost(self, call: Call) -> Reply:
        reply = await self._handler(call)
        if reply.stream is None:
            reply.headers.append((_COST, _cost(call)))
        return reply

    def _settle(self, store: LimitStore, lease: Lease, spends: bool, call: Call) -> None:
        """The call is over: what it reserved becomes what it used."""
        attempts = call.attempts
        if len(attempts) == 1 and not spends and (usage := attempts[0].usage) is not None and attempts[0].ended:
            store.settle(lease, (lease.amounts[0], usage.prompt_tokens + usage.completion_tokens, 0, 0))
        else:
            Settlement(store, lease, spends, self._estimates, self._counters)(call)

    def _largest(self, call: Call, account: Account) -> Amounts:
        route = call.route
        assert route is not None  # noqa: S101 - chosen before any layer that needs it
        if call.operation == "count_tokens":
            return _ONE
        tokens = cost = 0
        for index, facts in enumerate(route.facts):
            prompt, completion = self._bounds.tokens(call, facts)
            if prompt + completion > tokens:
                tokens = prompt + completion
            if account.spends:
                dearest = largest_cost(call, prompt, completion, facts)
                if dearest is None:
                    target = route.targets[index]
                    self._without_price(f"{target.provider}/{target.model}")
                else:
                    cost = max(cost, dearest)
        return (1, tokens * route.workers, 1, cost * route.workers)

    def _without_price(self, model: str) -> None:
        if self._limits.unknown_price == "refuse":
            raise PriceUnknown(
                f"This key has a budget, and the price of '{model}' is not known. Whoever runs this gateway can say it"
                f" in the configuration, as facts: {{'{model}': {{prices: …}}}}, or allow such calls with"
                " limits.unknown_price.",
                param="model",
            )
        self._desk.alarm.price_unknown(model)

    def _without_redis(self, account: Account) -> LimitStore:
        """Where to count while Redis does not answer. Raises LimitsUnavailable."""
        if account.spends or self._limits.without_redis == "refuse":
            self._counters.add("limits_refused", "redis")
            raise LimitsUnavailable(
                "What this key may use is counted in Redis, which does not answer at the moment. Try again.",
                retry_after=_RETRY_SECONDS,
            )
        self._desk.alarm.counting_alone()
        return self._desk.memory

    def _unread(self) -> GatewayError:
        self._counters.add("limits_refused", "unread")
        return LimitsUnavailable(
            "What this key's budget has spent is being read from the ledger. Try again.", retry_after=_RETRY_SECONDS
        )

    def _refuse(self, refusal: Refusal) -> GatewayError:
        bucket = refusal.bucket
        limit = "budget" if bucket.per else bucket.measure.name.lower()
        self._counters.add("limits_refused", "reserved" if bucket.per and refusal.held else limit)
        if refusal.first:
            self._desk.alarm.spent(bucket, refusal.spent)
        return refused(refusal, standing_refused(refusal))


def _cost(call: Call) -> bytes:
    """What an answer has cost, in US dollars."""
    cost = 0
    for attempt in call.attempts:
        if attempt.usage is not None and attempt.cause != "mirror":
            prices = call.prices_of(attempt.target)
            if prices is None:
                return b"unknown"
            cost += cost_of(attempt.usage, prices)
    return dollars(cost).encode()
