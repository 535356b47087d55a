"""A second attempt beside the first, when that is slower to begin than nearly all answers of its target.

The tail at scale (https://research.google/pubs/the-tail-at-scale/): a few requests asked twice cut off the slow end.
"""

import asyncio
from collections.abc import Sequence

from adapters.inference.contract import Target
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from gateway.call import Call, Cause, Reply
from gateway.cost import cost_of
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.balance import Balance
from gateway.routing.refusals import most_telling
from gateway.routing.retry import Ask
from gateway.routing.traffic import Window
from gateway.sent import prompt_tokens

_SECONDS = 300.0
"""The shares are of the traffic of so long."""


class Hedging:
    """Hedges the calls of every route that wants it."""

    __slots__ = ("_allowances", "_balance", "_counters")

    def __init__(self, balance: Balance, counters: Counters) -> None:
        self._balance = balance
        self._counters = counters
        self._allowances: dict[str, Allowance] = {}

    async def answer(self, call: Call, route: Route, targets: Sequence[Target], ask: Ask) -> Reply:
        """Ask the first target, and the second where the first is late. Raises the fault that tells most."""
        hedge = route.settings.hedge
        assert hedge is not None  # noqa: S101 - only such routes come here
        allowance = self._allowances.get(route.name)
        if allowance is None:
            allowance = self._allowances[route.name] = Allowance(route, hedge.share, hedge.cost_share)
        allowance.requests.add(call.received)
        call.on_close.append(allowance.settle)
        within = self._balance.first_content_within(targets[0], hedge.quantile) if len(targets) > 1 else None
        if within is None:
            return await ask(call, targets[0], "first")
        return await _Race(ask, call, targets, allowance, self._counters).run(within)


class Allowance:
    """How many calls of a route may be hedged, and what the losers may cost; both over five minutes."""

    __slots__ = ("_cost", "_cost_share", "_hedges", "_lost", "_prices", "_share", "requests")

    def __init__(self, route: Route, share: float, cost_share: float) -> None:
        self._share = share
        self._cost_share = cost_share
        prices = [facts.prices if facts is not None else None for facts in route.facts]
        names = [(target.provider, target.model) for target in route.targets]
        self._prices = dict(zip(names, prices, strict=True)) if None not in prices else {}
        """Without the price of any target, tokens stand for money."""
        self.requests = Window(_SECONDS)
        self._hedges = Window(_SECONDS)
        self._cost = Window(_SECONDS)
        self._lost = Window(_SECONDS)

    def weigh(self, usage: Usage, target: Target) -> int:
        """What usage costs: nano-dollars, or tokens."""
        prices = self._prices.get((target.provider, target.model))
        return usage.prompt_tokens + usage.completion_tokens if prices is None else cost_of(usage, prices)

    def take(self, now: float, cost: float) -> str:
        """Whether a call may be hedged now whose loser will cost so much: `sent`, or why not."""
        if self._hedges.total(now) + 1 > self._share * self.requests.total(now):
            return "over_share"
        if self._lost.total(now) + cost > self._cost_share * self._cost.total(now):
            return "over_cost_share"
        self._hedges.add(now)
        return "sent"

    def lose(self, now: float, usage: Usage, target: Target) -> None:
        """A loser has used this."""
        self._lost.add(now, self.weigh(usage, target))

    def settle(self, call: Call) -> None:
        """A call is over: its cost is one of those that the losers' are compared with."""
        if call.usage is not None and call.target is not None:
            self._cost.add(asyncio.get_running_loop().time(), self.weigh(call.usage, call.target))


class _Race:
    """One or two attempts at a call, each on a call of its own, so that the loser writes nothing into the winner's."""

    __slots__ = ("_allowance", "_ask", "_call", "_counters", "_runners", "_targets")

    def __init__(
        self, ask: Ask, call: Call, targets: Sequence[Target], allowance: Allowance, counters: Counters
    ) -> None:
        self._ask = ask
        self._call = call
        self._targets = targets
        self._allowance = allowance
        self._counters = counters
        self._runners: dict[asyncio.Task[Reply], Call] = {}

    async def run(self, within: float) -> Reply:
        """The reply of the faster one. In the end no other goes on."""
        winner: asyncio.Task[Reply] | None = None
        try:
            first = self._start(self._targets[0], "first")
            done, _ = await asyncio.wait([first], timeout=within)
            if not done and self._may_hedge():
                self._start(self._targets[1], "hedge")
            winner = await self._first_good()
            return winner.result()
        finally:
            await self._end(winner)

    def _start(self, target: Target, cause: Cause) -> asyncio.Task[Reply]:
        runner = self._call.twin()
        runner.attempts += [attempt for other in self._runners.values() for attempt in other.attempts]
        task = asyncio.get_running_loop().create_task(self._run(runner, target, cause))
        self._runners[task] = runner
        return task

    async def _run(self, runner: Call, target: Target, cause: Cause) -> Reply:
        return await self._ask(runner, target, cause)

    def _may_hedge(self) -> bool:
        asked = Usage(prompt_tokens=prompt_tokens(self._call.body))
        cost = max(self._allowance.weigh(asked, target) for target in self._targets[:2])
        word = self._allowance.take(asyncio.get_running_loop().time(), cost)
        self._counters.add("hedges", word)
        return word == "sent"

    async def _first_good(self) -> asyncio.Task[Reply]:
        """The first that has answered. Raises the fault that tells most where both have failed."""
        running = set(self._runners)
        while running:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in self._runners:
                if task.done() and task.exception() is None:
                    return task
            running = {task for task in running if not task.done()}
        faults = [fault for task in self._runners if (fault := task.exception()) is not None]
        try:
            raise _worst(faults)
        finally:
            faults.clear()  # a fault's traceback leads to this frame, and would keep it

    async def _end(self, winner: asyncio.Task[Reply] | None) -> None:
        """Cancel who did not win, and take over what is known of all attempts."""
        call = self._call
        losers = [task for task in self._runners if task is not winner]
        for task in losers:
            task.cancel()
        if late := [task for task in losers if not task.done()]:
            await asyncio.wait(late)
        now = asyncio.get_running_loop().time()
        for task in losers:
            if not task.cancelled() and task.exception() is None and (stream := task.result().stream) is not None:
                stream.end(now, cancelled=True)
        known = {attempt.id: attempt for runner in self._runners.values() for attempt in runner.attempts}
        call.attempts += sorted(known.values(), key=lambda attempt: attempt.began)
        if winner is not None:
            self._take_over(self._runners[winner])
            self._account(losers, now)
        self._runners.clear()  # faults lead back to here

    def _take_over(self, runner: Call) -> None:
        call = self._call
        call.target = runner.target
        call.usage = runner.usage
        call.transcript += runner.transcript
        if len(self._runners) > 1:
            self._counters.add("hedges", "won" if runner.attempts[-1].cause == "hedge" else "lost")

    def _account(self, losers: list[asyncio.Task[Reply]], now: float) -> None:
        """What the loser has used, where nobody told: its prompt, which the target had begun to work on."""
        told = self._call.usage.prompt_tokens if self._call.usage is not None else 0
        for task in losers:
            for attempt in self._runners[task].attempts[-1:]:
                if attempt.status == 499 and attempt.usage is None:
                    attempt.usage = Usage(prompt_tokens=told or prompt_tokens(self._call.body), estimated=True)
                if attempt.usage is not None:
                    self._allowance.lose(now, attempt.usage, attempt.target)


def _worst(faults: list[BaseException]) -> BaseException:
    """A fault of our own, else the one that tells most."""
    told = [fault for fault in faults if isinstance(fault, GatewayError)]
    return most_telling(told) if len(told) == len(faults) else next(each for each in faults if each not in told)
