"""Opens purses that Redis does not have, or has no more, with what the ledger says was spent.

Whoever needs such a purse notes in Redis that it is being opened; from then on nobody reserves in it. Every worker that
sees this draws a line through its own calls: what is over it writes to the database, what goes on it holds in the new
purse. When all have, whoever waits reads the ledger without the calls that go on, and the first to say the sum opens.
So each call is counted once: in the ledger's sum if it ended before its worker's line, else when it is settled.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.call import new_attempt_id
from gateway.state.faults import RedisUnavailable
from gateway.state.limits.calendar import period_of, start_of
from gateway.state.limits.contract import MOST, Bucket, Lease, Measure, Named, Past, Settled, Under, Unread
from gateway.state.records.contract import RecordsUnavailable
from gateway.state.redis import Script

log = logging.getLogger("isthmus.limits")

_EVERY_SECONDS: Final = 0.25
_TRY_SECONDS: Final = 10.0
_WRITE_SECONDS: Final = 3.0
_PAUSE_MAX: Final = 250
"""Milliseconds."""
_encode = msgspec.msgpack.Encoder().encode


class Openings:
    """What one worker does for it."""

    def __init__(
        self,
        past: Past,
        scripts: dict[str, Script],
        base: str,
        worker: str,
        key: Callable[[str], str],
        settle: Callable[[Settled], None],
        *,
        settling: float,
        clock: Callable[[], int] | None,
    ) -> None:
        """`settling`: seconds after a loss in which every worker that lives finds Redis again."""
        self._past = past
        self._scripts = scripts
        self._base = base
        self._worker = worker
        self._key = key
        self._settle = settle
        self._settling = round(settling * 1_000)
        self._clock = clock
        self._workers, self._leases = base + "workers", f"{base}leases:{worker}"
        self._era, self._seen = "", 0
        self._tasks: dict[str, asyncio.Task[bool]] = {}
        self._nudge = asyncio.Event()
        self._under_way: dict[int, tuple[Lease, Sequence[Named]]] = {}
        self._across: frozenset[int] = frozenset()
        """Calls on the line that is being drawn: they are settled when it is."""
        self._late: list[Settled] = []
        self.lines = 0
        """How many were drawn."""
        self._work = asyncio.create_task(self._run())

    def begin(self, lease: Lease, attempts: Sequence[Named]) -> None:
        """A call holds money."""
        self._under_way[lease.id] = (lease, attempts)

    def end(self, settled: Settled) -> None:
        """A call is over: settle it, now or when Redis knows it again."""
        self._under_way.pop(settled[0], None)
        if settled[0] in self._across:
            self._late.append(settled)
        else:
            self._settle(settled)

    async def wait(self, buckets: Sequence[Bucket], until: float) -> None:
        """Wait until they are open. Raises Unread when they are not by then, on the loop's clock."""
        self._nudge.set()
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            raise Unread
        if tasks := [self._task(bucket) for bucket in buckets]:
            done, late = await asyncio.wait(tasks, timeout=left)
            if late or not all(task.result() for task in done):
                raise Unread

    async def close(self) -> None:
        """Stop."""
        tasks = [self._work, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _given(self) -> int:
        return self._clock() if self._clock else 0

    def _task(self, bucket: Bucket) -> asyncio.Task[bool]:
        key = self._key(bucket.name)
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(self._open(bucket, key))
            task.add_done_callback(lambda task: self._tasks.pop(key, None))
        return task

    async def _open(self, bucket: Bucket, key: str) -> bool:
        """Open a purse when all workers have joined; give whether it is worth asking again."""
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                while True:
                    answer = await self._scripts["look"](
                        [key, self._workers], [_encode((self._base, self._given(), self._settling))]
                    )
                    if answer[0] <= 0:
                        return True
                    if answer[0] == 2:
                        return await self._say(bucket, key, *answer[1:])
                    await asyncio.sleep(min(answer[1], _PAUSE_MAX) / 1_000)
        except (RedisUnavailable, RecordsUnavailable, TimeoutError):
            return False

    async def _say(self, bucket: Bucket, key: str, birth: bytes, period: int, *joined: bytes) -> bool:
        without = [msgspec.json.decode(each, type=Under) for each in joined]
        spent = await self._past.spent(bucket, start_of(bucket.per, period), without)
        await self._scripts["open"]([key], [_encode((birth.decode(), min(spent, MOST)))])
        return True

    async def _run(self) -> None:
        failing = False
        while True:
            try:
                await self._watch()
                failing = False
            except RedisUnavailable:
                pass
            except (RecordsUnavailable, TimeoutError):
                if not failing:
                    log.warning("budgets can't be opened: the ledger does not answer")
                failing = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._nudge.wait()
            self._nudge.clear()

    async def _watch(self) -> None:
        """Join what is being opened."""
        message = _encode((self._base, new_attempt_id().decode(), self._given(), self._era, self._seen))
        era, seen, *found = await self._scripts["watch"]([self._workers], [message])
        if found:
            purses = zip(*[iter(found)] * 4, strict=True)
            await self._join([(key.decode(), birth.decode(), *rest) for key, birth, *rest in purses])
        self._era, self._seen = era.decode(), seen

    async def _join(self, purses: Sequence[tuple[str, str, int, int]]) -> None:
        """Draw the line, and write what is over; nearly all of that before, because calls on the line wait."""
        held = self._calls()
        wanted = [purse for purse in purses if purse[3] or (purse[0], purse[2]) in held]
        if not wanted:
            return
        await self._past.write()
        mark = new_attempt_id().decode()
        calls = self._calls()
        self.lines += 1
        self._across = frozenset(self._under_way)
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._past.write()
            for key, birth, period, _ in wanted:
                those = calls.get((key, period), ())
                ids = [attempt for *_, attempts in those for attempt in attempts]
                under = msgspec.json.encode(Under(mark, ids)).decode()
                message = (self._worker, birth, period, under, [call[:3] for call in those])
                await self._persist(key, _encode(message))
        finally:
            self._across = frozenset()
            late, self._late = self._late, []
            for settled in late:
                self._settle(settled)

    async def _persist(self, key: str, message: bytes) -> None:
        """Join one purse, as often as it takes: a second time changes nothing, and what is on the line waits."""
        while True:
            try:
                await self._scripts["join"]([key, self._leases], [message])
            except RedisUnavailable:
                await asyncio.sleep(_EVERY_SECONDS)
            else:
                return

    def _calls(self) -> dict[tuple[str, int], list[tuple[int, int, int, list[str]]]]:
        """The calls under way by purse and period: lease, amount, the bucket's index, and their attempts so far."""
        found: dict[tuple[str, int], list[tuple[int, int, int, list[str]]]] = {}
        for number, (lease, attempts) in self._under_way.items():
            ids = [attempt.id.decode() for attempt in attempts]
            for index, bucket in enumerate(lease.buckets, 1):
                if bucket.measure is Measure.MONEY:
                    period, _ = period_of(bucket.per, lease.now)
                    call = (number, lease.amounts[Measure.MONEY], index, ids)
                    found.setdefault((self._key(bucket.name), period), []).append(call)
        return found
