"""What follows a fault: the same target after a wait, the next one, or the client's error."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from adapters.inference.contract import Target
from adapters.wire.errors import GatewayError, UpstreamError
from config.routing import Retry
from gateway.call import Call, Cause, Reply
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.attempts import tell
from gateway.routing.refusals import is_local, may_pass, most_telling, refusal_of

log = logging.getLogger("isthmus.router")

Ask: TypeAlias = Callable[[Call, Target, Cause], Awaitable[Reply]]


class Search:
    """The search for an answer after the first attempt of a call has failed."""

    __slots__ = ("_ask", "_call", "_counters", "_faults", "_left", "_pause", "_route", "_target", "_tries")

    def __init__(self, ask: Ask, call: Call, route: Route, targets: Sequence[Target], counters: Counters) -> None:
        self._ask = ask
        self._call = call
        self._route = route
        self._counters = counters
        self._faults: list[GatewayError] = []
        asked = [attempt.target for attempt in call.attempts]
        self._target = targets[0]
        self._left = [target for target in targets[1:] if target not in asked]
        """Those that have not been asked, the next one first."""
        self._tries = 1
        """At the present target."""
        self._pause = 0.0
        """Before the next."""

    async def after(self, fault: GatewayError) -> Reply:
        """Answer the call. Raises the fault that tells most when nobody does."""
        faults = self._faults
        faults.append(fault)
        try:
            del fault
            while (cause := self._next()) is not None:
                if cause == "retry":
                    await asyncio.sleep(self._pause)
                try:
                    return await self._ask(self._call, self._target, cause)
                except GatewayError as error:
                    faults.append(error)
            raise self._verdict()
        finally:
            faults.clear()  # a fault's traceback leads to this frame, and would keep it

    def _next(self) -> Cause | None:
        """Why to ask again, with the target and the pause settled; None for not again."""
        fault = self._faults[-1]
        cause = self._cause(fault)
        if cause is None:
            return None
        presses = fault.retryable and isinstance(fault, UpstreamError)
        if presses and not self._route.budget.take(asyncio.get_running_loop().time()):
            self._counters.add("retry_budget_spent", self._route.name)
            return None
        if cause == "retry":
            self._tries += 1
        else:
            self._target = self._left.pop(0)
            self._tries = 1
        self._counters.add("retries", cause)
        why = f"{fault.status} {fault.code}"
        log.info("%s: %s, %s at %s/%s", self._route.name, why, cause, self._target.provider, self._target.model)
        return cause

    def _cause(self, fault: GatewayError) -> Cause | None:
        settings = self._route.settings
        if self._tries < settings.retry.attempts and may_pass(fault):
            pause = wait_before(self._tries, settings.retry, fault.retry_after)
            if pause is not None and self._has_time(pause):
                self._pause = pause
                return "retry"
        goes_on = fault.retryable or is_local(fault) or refusal_of(fault) in settings.fallback_on
        return "fallback" if goes_on and self._left else None

    def _has_time(self, seconds: float) -> bool:
        deadline = self._call.deadline
        return deadline is None or asyncio.get_running_loop().time() + seconds < deadline

    def _verdict(self) -> GatewayError:
        """The error that the client gets: what was tried, and the shortest wait that any target asked for."""
        faults = self._faults
        error = most_telling(faults)
        waits = [fault.retry_after for fault in faults if fault.retry_after is not None]
        if waits and len(faults) > 1:
            error.retry_after = min(waits)
            error.headers = tuple(header for header in error.headers if header[0] != b"retry-after")
        tell(error, self._call)
        return error


def wait_before(tries: int, settings: Retry, told: float | None) -> float | None:
    """Seconds to wait before asking a target again that was asked so often; None where that would be too long.

    `told` is what the provider asked for, and a bit is added to it, so that not all who heard it come at once.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter
    """
    if told is not None and told > settings.backoff_most:
        return None
    most = min(settings.backoff * 2 ** (tries - 1), settings.backoff_most)
    return (told or 0.0) + random.uniform(0, most)  # noqa: S311 - nothing secret
