"""Limits of one process, in its memory. The loop runs one thing at a time, so nothing is locked."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from gateway.state.limits.calendar import period_of, start_of
from gateway.state.limits.contract import (
    NEVER,
    SOON,
    Amounts,
    Bucket,
    Lease,
    Measure,
    Named,
    Past,
    Refusal,
    Tell,
    Unread,
)
from gateway.state.records.contract import RecordsUnavailable

_SWEEP_AT: Final = 4_096
OPENING_SECONDS: Final = 1.0
"""How long a call waits for the ledger."""


def milliseconds() -> int:
    """The time of UTC."""
    return time.time_ns() // 1_000_000


class Window:
    """Counts over a time that moves on with the clock, by slots of it in a ring."""

    __slots__ = ("_last", "_ring", "spent", "used")

    def __init__(self, bucket: Bucket) -> None:
        self._ring = [0] * (bucket.slots + 1)
        self._last = 0
        self.used = 0
        """What counts at present."""
        self.spent = 0

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there is room: 0 for now."""
        slot = now // bucket.width
        if slot > self._last:
            self._move(slot)
        over = self.used + asked - bucket.most
        if over <= 0:
            return 0
        return self._until_freed(over, bucket.width, now) if asked <= bucket.most else NEVER

    def add(self, asked: int) -> int:
        """Count something; gives where."""
        last, ring = self._last, self._ring
        ring[last % len(ring)] += asked
        self.used += asked
        return last

    def settle(self, bucket: Bucket, place: int, reserved: int, used: int) -> None:
        """Put what was used in the place of what was reserved there."""
        if place > self._last - len(self._ring):
            self._ring[place % len(self._ring)] += used - reserved
            self.used += used - reserved

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return now // bucket.width - self._last >= len(self._ring)

    def _move(self, slot: int) -> None:
        ring = self._ring
        if self.used:
            for old in range(max(self._last + 1, slot - len(ring) + 1), slot + 1):
                self.used -= ring[old % len(ring)]
                ring[old % len(ring)] = 0
        self._last = slot

    def _until_freed(self, over: int, width: int, now: int) -> int:
        ring = self._ring
        for slot in range(self._last - len(ring) + 1, self._last + 1):
            over -= ring[slot % len(ring)]
            if over <= 0:
                return (slot + len(ring)) * width - now
        return NEVER


class Gauge:
    """Counts what is in progress."""

    __slots__ = ("spent", "used")

    def __init__(self, bucket: Bucket) -> None:
        self.used = 0
        self.spent = 0

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there may be room: 0 for now."""
        return 0 if self.used + asked <= bucket.most else SOON

    def add(self, asked: int) -> int:
        """Count something; gives where."""
        self.used += asked
        return 0

    def settle(self, bucket: Bucket, place: int, reserved: int, used: int) -> None:
        """It is over."""
        self.used += used - reserved

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return not self.used


class Purse:
    """Money of one period: spent by calls that are over, and held by those in progress."""

    __slots__ = ("_held", "_period", "spent", "told")

    def __init__(self, bucket: Bucket, period: int = -1, spent: int = 0) -> None:
        self._period = period
        self._held = 0
        self.spent = spent
        self.told = False
        """Whether somebody was told that it is spent."""

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there is room, or may be: 0 for now."""
        period, end = period_of(bucket.per, now)
        if period > self._period:
            self._period, self._held, self.spent, self.told = period, 0, 0, False
        if self.spent + self._held + asked <= bucket.most:
            return 0
        if self.spent + asked <= bucket.most:
            return SOON
        return end - now if asked <= bucket.most and end != NEVER else NEVER

    def add(self, asked: int) -> int:
        """Count something; gives where."""
        self._held += asked
        return self._period

    @property
    def used(self) -> int:
        """Spent and held."""
        return self.spent + self._held

    def settle(self, bucket: Bucket, place: int, reserved: int, used: int) -> None:
        """Spend what was used of what was reserved in the same period."""
        if place == self._period:
            self._held -= reserved
            self.spent += used

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return self._period < period_of(bucket.per, now)[0]


State: TypeAlias = Window | Gauge | Purse
_KINDS: Final[dict[Measure, type[State]]] = {
    Measure.REQUESTS: Window,
    Measure.TOKENS: Window,
    Measure.PARALLEL: Gauge,
    Measure.MONEY: Purse,
}


class MemoryLimits:
    """The store of a gateway without Redis, and of each worker while Redis does not answer."""

    def __init__(
        self, tell: Tell, clock: Callable[[], int] = milliseconds, *, opening_seconds: float = OPENING_SECONDS
    ) -> None:
        self.past: Past | None = None
        """Where purses begin with what was spent before; without it, they begin with nothing."""
        self._tell = tell
        self._clock = clock
        self._now = 0
        self._states: dict[str, tuple[Bucket, State]] = {}
        self._sweep_at = _SWEEP_AT
        self._count = itertools.count()
        self._opening_seconds = opening_seconds
        self._openings: dict[str, asyncio.Task[bool]] = {}

    async def reserve(
        self, buckets: Sequence[Bucket], amounts: Amounts, attempts: Sequence[Named] = ()
    ) -> Lease | Refusal:
        """Reserve in all buckets or in none. Raises Unread where a budget can't be opened in time."""
        self._now = now = max(self._now, self._clock())
        states = []
        refusal = None
        for bucket in buckets:
            found = self._states.get(bucket.name)
            if found is None and self.past is not None and bucket.measure is Measure.MONEY:
                await self._opened(bucket, self.past)
                return await self.reserve(buckets, amounts)
            state = self._new(bucket) if found is None else found[1]
            states.append(state)
            asked = amounts[bucket.measure]
            wait = state.wait(bucket, asked, now)
            if wait and (refusal is None or wait > refusal.wait):
                refusal = Refusal(bucket, state.used, state.spent, asked, wait)
        if refusal is not None:
            self._mark(refusal)
            return refusal
        places = [state.add(amounts[bucket.measure]) for bucket, state in zip(buckets, states, strict=True)]
        used = [state.used for state in states]
        spent = [state.spent for state in states]
        return Lease(next(self._count), buckets, amounts, used, spent, now, places)

    def release(self, lease: Lease) -> None:
        """Give a call's place among those in progress to the next; the rest is settled later."""
        one, tokens, places, cost = lease.amounts
        for bucket in lease.buckets:
            if bucket.measure is Measure.PARALLEL and bucket.name in self._states:
                self._states[bucket.name][1].settle(bucket, 0, places, 0)
        lease.amounts = (one, tokens, 0, cost)

    def settle(self, lease: Lease, amounts: Amounts) -> None:
        """Put what was used in the place of what was reserved; a second time changes nothing."""
        places, lease.places = lease.places, ()
        for bucket, place in zip(lease.buckets, places, strict=False):
            reserved, used = lease.amounts[bucket.measure], amounts[bucket.measure]
            found = self._states.get(bucket.name)
            if found is None or (reserved == used and bucket.measure is not Measure.MONEY):
                continue
            state = found[1]
            before = state.spent
            state.settle(bucket, place, reserved, used)
            if before < bucket.warn <= state.spent:
                self._tell(bucket, state.spent)

    async def _opened(self, bucket: Bucket, past: Past) -> None:
        """Wait until a purse is open: whoever comes first has it opened for all."""
        task = self._openings.get(bucket.name)
        if task is None:
            task = self._openings[bucket.name] = asyncio.create_task(self._open(bucket, past))
        done, _ = await asyncio.wait([task], timeout=self._opening_seconds)
        if not done or not task.result():
            raise Unread

    async def _open(self, bucket: Bucket, past: Past) -> bool:
        """Open a purse with what was spent in its period. No call under way spends from it: none could reserve."""
        try:
            await past.write()
            period, _ = period_of(bucket.per, max(self._now, self._clock()))
            spent = await past.spent(bucket, start_of(bucket.per, period))
            self._make_room()
            self._states[bucket.name] = (bucket, Purse(bucket, period, spent))
        except RecordsUnavailable:
            return False
        else:
            return True
        finally:
            del self._openings[bucket.name]

    def _mark(self, refusal: Refusal) -> None:
        state = self._states[refusal.bucket.name][1]
        if isinstance(state, Purse) and not refusal.held and refusal.asked <= refusal.bucket.most:
            refusal.first, state.told = not state.told, True

    def _new(self, bucket: Bucket) -> State:
        self._make_room()
        state = _KINDS[bucket.measure](bucket)
        self._states[bucket.name] = (bucket, state)
        return state

    def _make_room(self) -> None:
        """Forget what is idle, where much is known."""
        if len(self._states) >= self._sweep_at:
            now = self._now
            self._states = {name: (b, s) for name, (b, s) in self._states.items() if not s.is_idle(b, now)}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._states))
