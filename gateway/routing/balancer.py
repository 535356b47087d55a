"""Whom to ask, whether there is room, and how it went: strategies, cooldown and concurrency behind one face."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from adapters.inference.contract import Target
from adapters.wire.errors import Overloaded
from config.routing import Concurrency, Cooldown
from gateway.call import Attempt, Call
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.concurrency import Gate
from gateway.routing.cooldown import Breaker, Change, succeeded
from gateway.routing.standing import Standing, Standings
from gateway.routing.strategies import strategy_of
from gateway.routing.strategies.contract import Candidate, Candidates, Strategy

if TYPE_CHECKING:
    from gateway.routing.shared import Shared

log = logging.getLogger("isthmus.balance")


class AllRest(Overloaded):
    """Every target of a route, or the one that was to be probed, is left alone for a while."""

    code = "all_targets_resting"


class _Plan:
    """A route with several targets."""

    __slots__ = ("candidates", "strategy")

    def __init__(self, candidates: tuple[Candidate, ...], strategy: Strategy) -> None:
        self.candidates = candidates
        self.strategy = strategy


class Balancer:
    """Implements `Balance` for the routes of one configuration; what it learns is kept by `standings`."""

    def __init__(
        self, routes: Iterable[Route], standings: Standings, counters: Counters, shared: "Shared | None" = None
    ) -> None:
        routes = list(routes)
        self._standings = standings.adopt(target for route in routes for target in _targets(route))
        self._counters = counters
        self._shared = shared
        _configure(routes, self._standings)
        self._plans = {route.name: self._plan(route) for route in routes if len(route.targets) > 1}

    def order(self, call: Call, route: Route) -> Sequence[Target]:
        """The targets to try, in order, without those that rest. Raises AllRest."""
        targets = route.targets
        if len(targets) == 1:
            return targets
        plan = self._plans[route.name]
        candidates: Candidates = plan.candidates
        for candidate in candidates:
            breaker = candidate.standing.breaker
            if breaker is not None and breaker.until is not None:
                candidates = _awake(route, candidates)
                break
        return [each.target for each in plan.strategy.order(call, candidates)]

    def enter(self, call: Call, target: Target) -> Awaitable[None] | None:
        """Take a place at a target, or wait for one. Raises Overloaded: there is none, or the target rests by now."""
        standing = self._standings.get((target.provider, target.model))
        if standing is None:
            return None
        breaker, gate = standing.breaker, standing.gate
        if breaker is not None and breaker.until is not None and call.route is not None and len(call.route.targets) > 1:
            return self._enter_as_probe(call, standing, breaker)
        if gate is not None and not gate.free:
            return self._wait(call, standing, gate)
        standing.in_flight += 1
        if gate is not None:
            gate.inside += 1
        return None

    async def _enter_as_probe(self, call: Call, standing: Standing, breaker: Breaker) -> None:
        """Be one of the probes of a target that has rested. Raises AllRest where there are enough."""
        now = asyncio.get_running_loop().time()
        rest = breaker.rests(now)
        if rest:
            raise _all_rest("The deployment", rest)
        breaker.probe(now)
        try:
            if self._shared is not None and not await self._shared.claim(standing, breaker):
                breaker.probed_elsewhere(now)
                raise _all_rest("The deployment", 1.0)
            if standing.gate is not None:
                await self._wait(call, standing, standing.gate)
            else:
                standing.in_flight += 1
        except BaseException:
            self._unprobe(standing)
            raise

    async def _wait(self, call: Call, standing: Standing, gate: Gate) -> None:
        try:
            await gate.enter(call)
        except Overloaded:
            self._counters.add("queue_refusals", standing.provider, standing.model)
            raise
        standing.in_flight += 1

    def leave(self, target: Target, attempt: Attempt | None) -> None:
        """Give the place back, and learn from the attempt."""
        standing = self._standings.get((target.provider, target.model))
        if standing is None:
            return
        standing.in_flight -= 1
        gate = standing.gate
        if attempt is None:
            self._unprobe(standing)
        else:
            now = asyncio.get_running_loop().time()
            self._learn(standing, attempt, now)
            if gate is not None:
                gate.limit.learn(attempt, gate.inside, now)
        if gate is not None:
            gate.leave()

    def _learn(self, standing: Standing, attempt: Attempt, now: float) -> None:
        usage = attempt.usage
        if usage is not None and attempt.error is None:
            standing.answered(usage.completion_tokens)
        if standing.rationed:
            standing.minute.add(now, 1, usage.prompt_tokens + usage.completion_tokens if usage is not None else 0)
        if attempt.error is None and attempt.first:
            standing.first_contents.add(attempt.first - attempt.began, now)
        breaker = standing.breaker
        if breaker is None:
            return
        if self._shared is not None and breaker.until is not None and attempt.began >= breaker.until:
            self._shared.release(standing, success=succeeded(attempt) is True)
        if (change := breaker.record(attempt, now)) is not None:
            self._tell(standing, breaker, change, attempt, now)

    def _unprobe(self, standing: Standing) -> None:
        """Whoever entered as a probe did not come to be one."""
        if standing.breaker is not None and standing.breaker.until is not None:
            standing.breaker.unprobe()
            if self._shared is not None:
                self._shared.release(standing, success=False)

    def _tell(self, standing: Standing, breaker: Breaker, change: Change, attempt: Attempt, now: float) -> None:
        """Count and log what became of a breaker, and let the others know."""
        if self._shared is not None:
            self._shared.tell(standing, change)
        self._counters.add(f"cooldowns_{change}", standing.provider, standing.model)
        if change == "opened":
            rest = breaker.rests(now)
            log.warning("%s/%s rests for %.3g s after: %s", standing.provider, standing.model, rest, attempt.error)
        else:
            log.info("%s/%s is well again", standing.provider, standing.model)

    def first_content_within(self, target: Target, quantile: float) -> float | None:
        """Seconds within which this part of the target's answers had their first content."""
        standing = self._standings.get((target.provider, target.model))
        return standing.first_contents.within(quantile) if standing is not None else None

    def _plan(self, route: Route) -> _Plan:
        candidates = tuple(
            Candidate(target, deployment, facts, self._standings[target.provider, target.model])
            for target, deployment, facts in zip(route.targets, route.deployments, route.facts, strict=True)
        )
        return _Plan(candidates, strategy_of(route))


def _awake(route: Route, candidates: Candidates) -> Candidates:
    now = asyncio.get_running_loop().time()
    rests = [(each.standing.breaker.rests(now) if each.standing.breaker else 0.0) for each in candidates]
    awake = [each for each, rest in zip(candidates, rests, strict=True) if not rest]
    if not awake:
        raise _all_rest(f"Every deployment of '{route.name}'", min(rests))
    return awake


def _all_rest(who: str, rest: float) -> AllRest:
    return AllRest(f"{who} has failed lately and is left alone for a while. Try again later.", retry_after=rest)


def _targets(route: Route) -> tuple[Target, ...]:
    return route.targets if route.shadow is None else (*route.targets, route.shadow)


def _configure(routes: Iterable[Route], standings: Mapping[tuple[str, str], Standing]) -> None:
    """Give every target its breaker and its gate, by the settings of the first route that names it."""
    cooldowns: dict[tuple[str, str], Cooldown] = {}
    concurrencies: dict[tuple[str, str], Concurrency] = {}
    rationed: set[tuple[str, str]] = set()
    for route in routes:
        targets = {(each.provider, each.model): each for each in route.deployments}
        for target, deployment in targets.items():
            if deployment.concurrency is not None:
                concurrencies.setdefault(target, deployment.concurrency)
            if len(targets) > 1:
                cooldowns.setdefault(target, route.settings.cooldown)
        if route.settings.strategy == "usage_based":
            rationed |= targets.keys()
    for target, standing in standings.items():
        standing.rationed = target in rationed
        standing.breaker = _breaker(standing.breaker, cooldowns.get(target))
        standing.gate = _gate(standing.gate, concurrencies.get(target))


def _breaker(before: Breaker | None, settings: Cooldown | None) -> Breaker | None:
    if settings is None or before is None:
        return Breaker(settings) if settings is not None else None
    before.configure(settings)
    return before


def _gate(before: Gate | None, settings: Concurrency | None) -> Gate | None:
    if settings is None or before is None:
        return Gate(settings) if settings is not None else None
    before.configure(settings)
    return before
