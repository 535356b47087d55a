"""Tokens used, by key and model: counted after each call, told as a log line once a minute and at the end.

Lines of several workers add up, so the figure is the same for one worker and for sixteen.
"""

import asyncio
import logging
from dataclasses import dataclass

import msgspec

from adapters.wire.usage import Usage
from gateway.call import Call
from gateway.observe.counter import Counter

log = logging.getLogger("isthmus.usage")

_TELL_SECONDS = 60
_LAST_COUNT_SECONDS = 10
"""At the end, what is still being counted has this long."""
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


class UsageTotals:
    """A sink of calls."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.totals: dict[tuple[str, str, str], Total] = {}
        """By key, provider and model."""
        self._counting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, call: Call) -> None:
        """Count a call. What its provider did not tell is counted from the texts, later."""
        total = self._total(call)
        total.requests += 1
        if call.error is not None:
            total.failed += 1
        if call.usage is not None:
            total.add(call.usage)
        elif call.target is not None and call.status in (200, 499):
            task = asyncio.get_running_loop().create_task(self._estimate(call))
            self._counting.add(task)
            task.add_done_callback(self._counting.discard)

    def _total(self, call: Call) -> Total:
        # A model that is not served has no line of its own: clients could name any number of them.
        target = call.target
        key = (call.caller.name, target.provider, target.model) if target else (call.caller.name, "", "")
        total = self.totals.get(key)
        if total is None:
            if len(self.totals) >= _TOTALS_MAX:
                self.tell()
            total = self.totals[key] = Total()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_TELL_SECONDS, self.tell)
        return total

    async def _estimate(self, call: Call) -> None:
        self._total(call).add(await self._counter.usage_of(call))

    def tell(self) -> None:
        """Log the totals and begin anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        totals, self.totals = self.totals, {}
        for (key, provider, model), total in totals.items():
            line = {
                "event": "usage",
                "key": key,
                "model": f"{provider}/{model}" if provider else _NO_TARGET,
            } | msgspec.to_builtins(total)
            log.info("%s", msgspec.json.encode(line).decode())

    async def close(self) -> None:
        """Finish what is still being counted, and tell it."""
        if self._counting:
            await asyncio.wait(self._counting, timeout=_LAST_COUNT_SECONDS)
        self.tell()
