"""How many calls a target is given at once, and the line before it.

The limit grows by one for each round of answers and shrinks by a part when the target refuses or slows down: AIMD, as
TCP does. Why not a gradient of latencies: docs/decisions/0011-concurrency-by-aimd.md.
"""

import asyncio
from collections import deque

from adapters.wire.errors import Overloaded
from config.routing import Concurrency
from gateway.call import Attempt, Call

_AFTER_REFUSAL = 0.7
_AFTER_SLOWNESS = 0.9
_SLOW = 2.0
"""The recent time to first content may be this many times the usual one."""
_RECENT, _USUAL = 0.2, 0.01
"""Weights of a new sample in the two means."""
_CAUSED_SECONDS = 30.0
"""A refusal of the provider explains a full line for so long."""
_FULL = frozenset({408, 429, 503, 504, 529})


class TooManyForProvider(Overloaded):
    """The provider's own limit has filled the line before it."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class Limit:
    """The number that a target takes at once, as far as is known. Pure: times come in."""

    __slots__ = ("_cut_at", "_recent", "_settings", "_usual", "refused_at", "value")

    def __init__(self, settings: Concurrency) -> None:
        self._settings = settings
        self.value = float(max(settings.least, min(settings.start, settings.most)))
        self._cut_at = float("-inf")
        self._recent = self._usual = 0.0
        self.refused_at = float("-inf")
        """When the provider last answered 429."""

    def configure(self, settings: Concurrency) -> None:
        """Go on between other bounds; what was learned stays."""
        self._settings = settings
        self.value = max(settings.least, min(self.value, settings.most))

    def learn(self, attempt: Attempt, in_flight: int, now: float) -> None:
        """Take the outcome of an attempt, one of `in_flight`."""
        if attempt.status in _FULL or (attempt.error is not None and attempt.status == 0):
            if attempt.status == 429:
                self.refused_at = now
            self._cut(_AFTER_REFUSAL, attempt, now)
        elif attempt.error is None and attempt.first:
            if attempt.ended > attempt.first and self._slower(attempt.first - attempt.began):
                self._cut(_AFTER_SLOWNESS, attempt, now)
            elif in_flight * 2 >= self.value:
                self.value = min(self._settings.most, self.value + 1 / self.value)

    def _cut(self, part: float, attempt: Attempt, now: float) -> None:
        """Shrink, once for all that was under way: what began before the last cut tells of the time before."""
        if attempt.began >= self._cut_at:
            self._cut_at = now
            self.value = max(self._settings.least, self.value * part)

    def _slower(self, seconds: float) -> bool:
        """Whether streams now begin much later than usual. A whole answer's time tells more of its length."""
        if not self._usual:
            self._recent = self._usual = seconds
        self._recent += _RECENT * (seconds - self._recent)
        self._usual += _USUAL * (seconds - self._usual)
        return self._recent > _SLOW * self._usual


class Line:
    """Who waits for a place: one deque a caller, served in turns. A place is true for whoever has it."""

    __slots__ = ("_callers", "waiting")

    def __init__(self) -> None:
        self._callers: dict[str, deque[asyncio.Future[bool]]] = {}
        """The next turn is that of the first."""
        self.waiting = 0

    def join(self, caller: str, place: "asyncio.Future[bool]") -> None:
        """Stand at the end of a caller's deque."""
        self._callers.setdefault(caller, deque()).append(place)
        self.waiting += 1

    def leave(self, caller: str, place: "asyncio.Future[bool]") -> None:
        """Wait no longer."""
        own = self._callers.get(caller)
        if own is not None and place in own:
            own.remove(place)
            self.waiting -= 1
            if not own:
                del self._callers[caller]

    def next(self) -> "asyncio.Future[bool] | None":
        """Take whose turn it is; the caller's next one waits for a whole round."""
        if not self._callers:
            return None
        caller = next(iter(self._callers))
        own = self._callers.pop(caller)
        place = own.popleft()
        self.waiting -= 1
        if own:
            self._callers[caller] = own
        return place

    def displace(self, caller: str) -> "asyncio.Future[bool] | None":
        """Take the last one of whoever has most, in favour of a caller who would still have fewer; or None."""
        greediest = max(self._callers, key=lambda name: len(self._callers[name]), default=None)
        if greediest is None or len(self._callers[greediest]) <= len(self._callers.get(caller, ())) + 1:
            return None
        own = self._callers[greediest]
        self.waiting -= 1
        return own.pop()


class Gate:
    """Lets as many calls through as the limit says; the others wait in line, no longer than they may."""

    __slots__ = ("_line", "_settings", "inside", "limit")

    def __init__(self, settings: Concurrency) -> None:
        self._settings = settings
        self.limit = Limit(settings)
        self._line = Line()
        self.inside = 0

    @property
    def waiting(self) -> int:
        """Calls in line."""
        return self._line.waiting

    @property
    def free(self) -> bool:
        """Whether there is a place for whoever comes, and nobody waits for it."""
        return self.inside < int(self.limit.value) and not self._line.waiting

    def configure(self, settings: Concurrency) -> None:
        """Go on by other settings."""
        self._settings = settings
        self.limit.configure(settings)

    async def enter(self, call: Call) -> None:
        """Take a place. Raises Overloaded where none comes free in time."""
        if self.free:
            self.inside += 1
            return
        settings = self._settings
        loop = asyncio.get_running_loop()
        caller = call.caller.owner
        if self._line.waiting >= settings.queue:
            displaced = self._line.displace(caller) if settings.queue else None
            if displaced is None:
                raise self._full(loop.time())
            displaced.set_result(False)
        place: asyncio.Future[bool] = loop.create_future()
        self._line.join(caller, place)
        until = loop.time() + settings.queue_seconds
        if call.deadline is not None:
            until = min(until, call.deadline)
        try:
            async with asyncio.timeout_at(until):
                await place
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if _given(place):
                self.leave()
            raise
        finally:
            self._line.leave(caller, place)
        if not _given(place):
            raise self._full(loop.time())

    def leave(self) -> None:
        """Give a place back: whose turn it is has it at once."""
        self.inside -= 1
        self.admit()

    def admit(self) -> None:
        """Let in whom the limit has room for."""
        while self.inside < int(self.limit.value) and (place := self._line.next()) is not None:
            if not place.done():
                self.inside += 1
                place.set_result(True)

    def _full(self, now: float) -> Overloaded:
        kind = TooManyForProvider if now - self.limit.refused_at < _CAUSED_SECONDS else Overloaded
        message = f"This deployment takes {int(self.limit.value)} requests at once now, and too many wait for it."
        return kind(f"{message} Try again shortly.", retry_after=1)


def _given(place: "asyncio.Future[bool]") -> bool:
    return place.done() and not place.cancelled() and place.result()
