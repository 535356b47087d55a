"""Finds the route of a call, before anything that depends on it: its model's own, or the one that a rule names."""

import math
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Final

from config.routing import Rule
from gateway.call import Call, Handler, Reply
from gateway.route import Route
from gateway.routing.conditions import Conditions
from gateway.routing.deadline import HEADER, answer_before, seconds_of
from gateway.routing.prompt import prompt_bytes
from gateway.routing.prompt_tokens import Count, PromptTokens
from gateway.routing.routes import Routes
from gateway.safety.routes import CheckRoutes

_HASHED_MAX = 65_536
"""Bytes at the end of a prompt by which a canary's share is drawn: what is new in it stands there."""
_WHOLE = 2**64
_UNKNOWN: Final = "\0"
"""In a route's stead: the tokens must be counted first."""


class Choice:
    """Stands before the layers that look at a call's route. `count` counts a prompt for rules that ask."""

    __slots__ = ("_checks", "_handler", "_routes", "_rules", "_tokens")

    def __init__(self, handler: Handler, routes: Routes, count: Count, checks: CheckRoutes) -> None:
        self._handler = handler
        self._routes = routes
        self._checks = checks
        self._rules: dict[str, _Rules] = {}
        self._tokens = PromptTokens(count)

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises UnknownModel, DeadlineExceeded, and BadRequest on a timeout that is none."""
        if call.operation == "moderations" and (check := self._checks.find(call.body.model)) is not None:
            call.route = check
            return self._answer(call)
        route = call.route = self._routes.find(call.body.model)
        if route.settings.rules:
            rules = self._rules.get(route.name) or self._rules.setdefault(route.name, _Rules(route))
            other = rules.choose(call, None)
            if other == _UNKNOWN:
                return self._answer_after_counting(call, rules)
            if other is not None:
                call.route = self._routes.find(other)
        return self._answer(call)

    def _answer(self, call: Call) -> Awaitable[Reply]:
        if _is_unbounded(call):
            return self._handler(call)
        return answer_before(call, seconds_of(call), self._handler)

    async def _answer_after_counting(self, call: Call, rules: "_Rules") -> Reply:
        patience = math.inf if _is_unbounded(call) else seconds_of(call)
        other = rules.choose(call, await self._tokens.of(call, rules.most_tokens, patience))
        if other is not None:
            call.route = self._routes.find(other)
        return await self._answer(call)


def _is_unbounded(call: Call) -> bool:
    assert call.route is not None  # noqa: S101 - it was chosen
    return call.route.settings.timeout is None and HEADER not in call.client_headers


class _Rules:
    """Those of one route, in order."""

    __slots__ = ("_rules", "most_tokens")

    def __init__(self, route: Route) -> None:
        self._rules = [(rule, Conditions(rule.when), _draw(rule, route.name)) for rule in route.settings.rules]
        self.most_tokens = max((rule.when.tokens_over or 0 for rule in route.settings.rules), default=0)

    def choose(self, call: Call, tokens: int | None) -> str | None:
        """The name of the route to use instead, None for none; _UNKNOWN where that hangs on `tokens`."""
        for rule, conditions, draw in self._rules:
            if not rule.share:
                continue
            holds = conditions.hold(call, tokens)
            if holds is None:
                return _UNKNOWN
            if holds and (rule.share == 1 or draw(call) < rule.share):
                return rule.use
        return None


def _draw(rule: Rule, route: str) -> Callable[[Call], float]:
    """A number below 1 for each caller and prompt, always the same; other rules draw others."""
    salt = blake2b(f"{route}\0{rule.use}".encode(), digest_size=16).digest()

    def draw(call: Call) -> float:
        digest = blake2b(call.caller.name.encode(), digest_size=8, salt=salt)
        for part in prompt_bytes(call.body):
            digest.update(bytes(part)[-_HASHED_MAX:])
        return int.from_bytes(digest.digest()) / _WHOLE

    return draw
