"""What a call has really used, when it is over."""

import asyncio
from typing import Final

from adapters.inference.contract import Target
from adapters.wire.usage import Usage
from config.facts import Prices
from gateway.call import Attempt, Call
from gateway.cost import cost_of, did_no_work
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.state.limits.contract import Amounts, Lease, LimitStore, Measure

_LEFT: Final = 499
_LOOK_AGAIN_SECONDS: Final = 0.5


class Settlement:
    """Runs when the call is closed: what it reserved becomes what it used.

    Where nobody can say what an attempt used, it has used what was reserved: a budget errs on its own side.
    """

    __slots__ = (
        "_cost",
        "_counters",
        "_estimates",
        "_lease",
        "_owed",
        "_running",
        "_spends",
        "_store",
        "_tokens",
        "_unknown",
    )

    def __init__(self, store: LimitStore, lease: Lease, spends: bool, estimates: Estimates, counters: Counters) -> None:
        self._store = store
        self._lease = lease
        self._spends = spends
        self._estimates = estimates
        self._counters = counters
        self._tokens = 0
        self._cost = 0
        self._unknown = False
        self._owed: Attempt | None = None
        """The attempt whose usage is being counted."""
        self._running: list[Attempt] = []
        """Attempts that go on: their answer has other readers, or their end is under way."""

    def __call__(self, call: Call) -> None:
        """Settle now, or when what is owed is known."""
        for attempt in call.attempts:
            if attempt.ended:
                self._add_attempt(call, attempt)
            else:
                self._running.append(attempt)
        if (owed := self._owed) is not None:
            prices = self._prices(call, owed.target)
            self._estimates.then(call, lambda usage: self._counted(usage, prices))
        if self._owed is None and not self._running:
            self._settle()
            return
        if any(bucket.measure is Measure.PARALLEL for bucket in self._lease.buckets):
            self._store.release(self._lease)
        if self._running:
            self._look_again(call)

    def _add_attempt(self, call: Call, attempt: Attempt) -> None:
        if attempt.cause == "mirror":
            return
        usage = attempt.usage
        if usage is None:
            if did_no_work(call.operation, attempt):
                return
            if attempt is call.attempts[-1] and self._estimates.owed(call):
                self._owed = attempt
                return
            if call.usage is None:
                self._unknown = True
                return
            written = call.usage.completion_tokens if attempt.first and attempt.status != _LEFT else 0
            usage = Usage(call.usage.prompt_tokens, written, estimated=True)
        self._add(usage, self._prices(call, attempt.target))

    def _prices(self, call: Call, target: Target) -> Prices | None:
        return call.prices_of(target) if self._spends else None

    def _add(self, usage: Usage, prices: Prices | None) -> None:
        self._tokens += usage.prompt_tokens + usage.completion_tokens
        if prices is not None:
            self._cost += cost_of(usage, prices)

    def _counted(self, usage: Usage, prices: Prices | None) -> None:
        if usage.prompt_tokens or usage.completion_tokens:
            self._add(usage, prices)
        else:
            self._unknown = True
        self._owed = None
        if not self._running:
            self._settle()

    def _look_again(self, call: Call) -> None:
        running, self._running = self._running, []
        for attempt in running:
            if not attempt.ended:
                self._running.append(attempt)
            elif attempt.usage is not None:
                self._add(attempt.usage, self._prices(call, attempt.target))
            elif not did_no_work(call.operation, attempt):
                self._unknown = True
        if self._running:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_SECONDS, self._look_again, call)
        elif self._owed is None:
            self._settle()

    def _settle(self) -> None:
        reserved = self._lease.amounts
        tokens, cost = self._tokens, self._cost
        if self._unknown:
            self._counters.add("limits_unknown_use")
            tokens, cost = max(tokens, reserved[Measure.TOKENS]), max(cost, reserved[Measure.MONEY])
        amounts: Amounts = (reserved[Measure.REQUESTS], tokens, 0, cost)
        self._store.settle(self._lease, amounts)
