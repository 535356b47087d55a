"""Tokens used, by key and model: counted after each call, told as a log line once a minute and at the end.

Lines of several workers add up, so the figure is the same for one worker and for sixteen.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe.estimates import Estimates
from gateway.observe.log import Fields

log = logging.getLogger("isthmus.usage")

_TELL_SECONDS = 60
_UNUSED = frozenset({"hit", "stale", "joined"})
"""What the cache says of calls whose answer was made for another one: its tokens were counted there."""
_NO_TARGET = "(none)"
_TOTALS_MAX = 1_024
"""Clients may name any number of models of a provider: with so many, the lines are told sooner."""


@dataclass(slots=True)
class Total:
    """What one key has used of one model since the last line."""

    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated_requests: int = 0

    def add(self, usage: Usage) -> None:
        """Count one call's tokens."""
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.cached_tokens += usage.cached_tokens
        self.reasoning_tokens += usage.reasoning_tokens
        self.estimated_requests += usage.estimated


Line: TypeAlias = tuple[str, str, str]
"""Key, provider and model; a model that is not served has no line of its own: clients could name any number of them."""


class UsageTotals:
    """A sink of calls."""

    def __init__(self, estimates: Estimates) -> None:
        self._estimates = estimates
        self.totals: dict[Line, Total] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, call: Call) -> None:
        """Count a call. What its provider did not tell is counted from the texts, later."""
        target = call.target
        line = (call.caller.name, target.provider, target.model) if target else (call.caller.name, "", "")
        total = self._total(line)
        total.requests += 1
        if call.error is not None:
            total.failed += 1
        if call.usage is not None:
            if call.cache not in _UNUSED:
                total.add(call.usage)
        elif self._estimates.owed(call):
            self._estimates.then(call, lambda usage: self._total(line).add(usage))

    def _total(self, line: Line) -> Total:
        total = self.totals.get(line)
        if total is None:
            if len(self.totals) >= _TOTALS_MAX:
                self.tell()
            total = self.totals[line] = Total()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_TELL_SECONDS, self.tell)
        return total

    def tell(self) -> None:
        """Log the totals and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        totals, self.totals = self.totals, {}
        for (key, provider, model), total in totals.items():
            told = {
                "event": "usage",
                "key": key,
                "model": f"{provider}/{model}" if provider else _NO_TARGET,
            } | msgspec.to_builtins(total)
            log.info(Fields(told))
