"""Limits of one process, in its memory. The loop runs one thing at a time, so nothing is locked."""

import asyncio
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
_KNOWN_MAX: Final = 4_096
_PARALLEL: Final = int(Measure.PARALLEL)
_MONEY: Final = int(Measure.MONEY)
_NO_ROOM: Final = -1
OPENING_SECONDS: Final = 1.0
"""How long a call waits for the ledger."""


def milliseconds() -> int:
    """The time of UTC."""
    return time.time_ns() // 1_000_000


class Window:
    """Counts over a time that moves on with the clock, by slots of it in a ring."""

    __slots__ = ("_at", "_ends", "_ring", "_slot", "spent", "used")

    def __init__(self, bucket: Bucket) -> None:
        self._ring = [0] * (bucket.slots + 1)
        self._slot = 0
        """The one of the moment."""
        self._at = 0
        """Where in the ring it is."""
        self._ends = 0
        """When it is over."""
        self.used = 0
        """What counts at present."""
        self.spent = 0

    def take(self, bucket: Bucket, asked: int, now: int) -> int:
        """Count something; what counts with it, or _NO_ROOM."""
        if now >= self._ends:
            self._move(now // bucket.width, bucket.width)
        used = self.used + asked
        if used > bucket.most:
            return _NO_ROOM
        self._ring[self._at] += asked
        self.used = used
        return used

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there is room: 0 for now."""
        over = self.used + asked - bucket.most
        if over <= 0:
            return 0
        return self._until_freed(over, bucket.width, now) if asked <= bucket.most else NEVER

    def settle(self, bucket: Bucket, then: int, reserved: int, used: int) -> None:
        """Put what was used in the place of what was reserved then."""
        ring = self._ring
        slot = then // bucket.width
        if slot == self._slot:
            ring[self._at] += used - reserved
        elif slot > self._slot - len(ring):
            ring[slot % len(ring)] += used - reserved
        else:
            return
        self.used += used - reserved

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return now // bucket.width - self._slot >= len(self._ring)

    def _move(self, slot: int, width: int) -> None:
        ring = self._ring
        if self.used:
            for old in range(max(self._slot + 1, slot - len(ring) + 1), slot + 1):
                self.used -= ring[old % len(ring)]
                ring[old % len(ring)] = 0
        self._slot = slot
        self._at = slot % len(ring)
        self._ends = (slot + 1) * width

    def _until_freed(self, over: int, width: int, now: int) -> int:
        ring = self._ring
        for slot in range(self._slot - len(ring) + 1, self._slot + 1):
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

    def take(self, bucket: Bucket, asked: int, now: int) -> int:
        """Count something; what counts with it, or _NO_ROOM."""
        used = self.used + asked
        if used > bucket.most:
            return _NO_ROOM
        self.used = used
        return used

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there may be room: 0 for now."""
        return 0 if self.used + asked <= bucket.most else SOON

    def settle(self, bucket: Bucket, then: int, reserved: int, used: int) -> None:
        """It is over."""
        self.used += used - reserved

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return not self.used


class Purse:
    """Money of one period: spent by calls that are over, and held by those in progress."""

    __slots__ = ("_began", "_held", "_period", "spent", "told")

    def __init__(self, bucket: Bucket, period: int = -1, spent: int = 0) -> None:
        self._period = period
        self._began = start_of(bucket.per, period) if period >= 0 else 0
        """When that was."""
        self._held = 0
        self.spent = spent
        self.told = False
        """Whether somebody was told that it is spent."""

    def take(self, bucket: Bucket, asked: int, now: int) -> int:
        """Count something; what counts with it, or _NO_ROOM."""
        period, _ = period_of(bucket.per, now)
        if period > self._period:
            self._period, self._began = period, start_of(bucket.per, period)
            self._held, self.spent, self.told = 0, 0, False
        used = self.spent + self._held + asked
        if used > bucket.most:
            return _NO_ROOM
        self._held += asked
        return used

    def wait(self, bucket: Bucket, asked: int, now: int) -> int:
        """Milliseconds until there is room, or may be: 0 for now."""
        if self.spent + self._held + asked <= bucket.most:
            return 0
        if self.spent + asked <= bucket.most:
            return SOON
        _, end = period_of(bucket.per, now)
        return end - now if asked <= bucket.most and end != NEVER else NEVER

    @property
    def used(self) -> int:
        """Spent and held."""
        return self.spent + self._held

    def settle(self, bucket: Bucket, then: int, reserved: int, used: int) -> None:
        """Spend what was used of what was reserved in the same period."""
        if then >= self._began:
            self._held -= reserved
            self.spent += used

    def is_idle(self, bucket: Bucket, now: int) -> bool:
        """Whether nothing is lost with it."""
        return self._period < period_of(bucket.per, now)[0]


State: TypeAlias = Window | Gauge | Purse
Counted: TypeAlias = tuple[Bucket, State, int]
"""A bucket, what counts in it, and its measure."""
_KINDS: Final[dict[Measure, type[State]]] = {
    Measure.REQUESTS: Window,
    Measure.TOKENS: Window,
    Measure.PARALLEL: Gauge,
    Measure.MONEY: Purse,
}


class _Known:
    """The buckets of many calls, and what counts in them."""

    __slots__ = ("buckets", "counted", "nothing")

    def __init__(self, buckets: Sequence[Bucket], counted: Sequence[Counted]) -> None:
        self.buckets = buckets
        """Held, so that nothing else can come to have their identity."""
        self.counted = counted
        spends = any(measure == _MONEY for _, _, measure in counted)
        self.nothing: Sequence[int] = () if spends else (0,) * len(counted)
        """What has been spent, where nothing can be."""


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
        self._known: dict[int, _Known] = {}
        """By the identity of the buckets."""
        self._sweep_at = _SWEEP_AT
        self._opening_seconds = opening_seconds
        self._openings: dict[str, asyncio.Task[bool]] = {}

    def reserve_at_once(self, buckets: Sequence[Bucket], amounts: Amounts) -> Lease | Refusal | None:
        """Reserve in all buckets or in none; None where a purse has to be opened first."""
        now = self._clock()
        if now < self._now:
            now = self._now
        self._now = now
        known = self._known.get(id(buckets)) or self._find(buckets)
        if known is None:
            return None
        counted = known.counted
        used: list[int] = []
        for bucket, state, measure in counted:
            taken = state.take(bucket, amounts[measure], now)
            if taken < 0:
                return self._refuse(counted, amounts, now, len(used))
            used.append(taken)
        spent = known.nothing or [state.spent for _, state, _ in counted]
        return Lease(0, buckets, amounts, used, spent, now, counted)

    def _refuse(self, counted: Sequence[Counted], amounts: Amounts, now: int, taken: int) -> Refusal:
        """Give back what the first so many took; why it can't be had, by what has to be waited for longest."""
        for bucket, state, measure in counted[:taken]:
            state.settle(bucket, now, amounts[measure], 0)
        refusal = None
        for bucket, state, measure in counted:
            state.take(bucket, 0, now)  # moved to the present
            wait = state.wait(bucket, amounts[measure], now)
            if wait and (refusal is None or wait > refusal.wait):
                refusal = Refusal(bucket, state.used, state.spent, amounts[measure], wait)
        assert refusal is not None  # noqa: S101 - one was not to be had
        self._mark(refusal)
        return refusal

    async def reserve(
        self, buckets: Sequence[Bucket], amounts: Amounts, attempts: Sequence[Named] = ()
    ) -> Lease | Refusal:
        """Reserve in all buckets or in none. Raises Unread where a budget can't be opened in time."""
        while True:
            answer = self.reserve_at_once(buckets, amounts)
            if answer is not None:
                return answer
            for bucket in buckets:
                if self.past is not None and bucket.measure is Measure.MONEY and bucket.name not in self._states:
                    await self._opened(bucket, self.past)

    def release(self, lease: Lease) -> None:
        """Give a call's place among those in progress to the next; the rest is settled later."""
        one, tokens, places, cost = lease.amounts
        for bucket, state, measure in lease.counted:
            if measure == _PARALLEL:
                state.settle(bucket, 0, places, 0)
        lease.amounts = (one, tokens, 0, cost)

    def settle(self, lease: Lease, amounts: Amounts) -> None:
        """Put what was used in the place of what was reserved; a second time changes nothing."""
        counted, lease.counted = lease.counted, ()
        before = lease.amounts
        for bucket, state, measure in counted:
            reserved, used = before[measure], amounts[measure]
            if measure == _MONEY:
                self._spend(bucket, state, lease.now, reserved, used)
            elif reserved != used:
                state.settle(bucket, lease.now, reserved, used)

    def _spend(self, bucket: Bucket, purse: State, then: int, reserved: int, used: int) -> None:
        before = purse.spent
        purse.settle(bucket, then, reserved, used)
        if before < bucket.warn <= purse.spent:
            self._tell(bucket, purse.spent)

    def _find(self, buckets: Sequence[Bucket]) -> "_Known | None":
        """What counts in each bucket; None where a purse has to be opened."""
        self._make_room()
        counted = []
        for bucket in buckets:
            found = self._states.get(bucket.name)
            if found is None and self.past is not None and bucket.measure is Measure.MONEY:
                return None
            counted.append((bucket, self._new(bucket) if found is None else found[1], int(bucket.measure)))
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        known = self._known[id(buckets)] = _Known(buckets, counted)
        return known

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
            self._now = max(self._now, self._clock())
            period, _ = period_of(bucket.per, self._now)
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
        state = _KINDS[bucket.measure](bucket)
        self._states[bucket.name] = (bucket, state)
        return state

    def _make_room(self) -> None:
        """Forget what is idle, where much is known."""
        if len(self._states) >= self._sweep_at:
            now = self._now
            self._states = {name: (b, s) for name, (b, s) in self._states.items() if not s.is_idle(b, now)}
            self._known.clear()
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._states))
