"""Limits of all workers and replicas, in Redis: a script reserves, another settles, each in one round trip.

What a worker's calls hold is kept beside the counters as leases. A worker says every few seconds that it lives; when it
does not for `patience`, the next call of anybody gives back what its calls hold.

All names share one hash tag, so that a cluster keeps them on one node and a script reaches them all.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.state.faults import RedisUnavailable
from gateway.state.limits.calendar import period_of
from gateway.state.limits.contract import MOST, Amounts, Bucket, Lease, Measure, Named, Past, Refusal, Settled, Tell
from gateway.state.limits.memory import OPENING_SECONDS, milliseconds
from gateway.state.limits.openings import Openings
from gateway.state.redis import Redis

log = logging.getLogger("isthmus.limits")

_SCRIPTS: Final = Path(__file__).with_name("scripts.lua")
_BATCH: Final = 64
_WAITING_MAX: Final = 100_000
"""Settlements that wait for Redis to return; with more, the oldest are given up, and their calls stay reserved until
the worker ends."""
_RETRY_SECONDS: Final = 0.25
_LAST_SECONDS: Final = 2.0
_SETTLING_SECONDS: Final = 6.0
"""The longest rest of a Redis that did not answer (resp/breaker.py), and a second."""
_SHUT: Final = -2
_encode = msgspec.msgpack.Encoder().encode


def read_scripts() -> dict[str, str]:
    """The scripts by name, each with what they share."""
    shared, *parts = _SCRIPTS.read_text("utf-8").split("\n-------- ")
    named = (part.partition("\n") for part in parts)
    return {name: f"{shared}\n{text}" for name, _, text in named}


class RedisLimits:
    """The store of a gateway with Redis."""

    def __init__(
        self,
        redis: Redis,
        tell: Tell,
        patience: float = 15.0,
        clock: Callable[[], int] | None = None,
        *,
        past: Past | None = None,
        settling: float = _SETTLING_SECONDS,
    ) -> None:
        """`past`: with what purses begin; without it, with nothing."""
        scripts = {name: redis.script(source) for name, source in read_scripts().items()}
        self._reserve, self._settle = scripts["reserve"], scripts["settle"]
        self._renew, self._leave = scripts["renew"], scripts["leave"]
        self._tell = tell
        self._patience = round(patience * 1_000)
        self._clock = clock
        self._worker = secrets.token_hex(8)
        self._base = redis.key("{limits}", "")
        self._own = tuple(self._base + name for name in ("workers", f"leases:{self._worker}", f"void:{self._worker}"))
        self._count = itertools.count(1)
        self._waiting: deque[Settled] = deque(maxlen=_WAITING_MAX)
        self._sent = 0
        self._news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._openings: Openings | None = None
        if past is not None:
            place = (self._base, self._worker, self._key, self._wait_with)
            self._openings = Openings(past, scripts, *place, settling=settling, clock=clock)

    @property
    def unsettled(self) -> int:
        """Calls that are over and that Redis has not been told of."""
        return len(self._waiting) + self._sent

    def reserve_at_once(self, buckets: Sequence[Bucket], amounts: Amounts) -> Lease | Refusal | None:
        """None: Redis has to be waited for."""
        return None

    async def reserve(
        self, buckets: Sequence[Bucket], amounts: Amounts, attempts: Sequence[Named] = ()
    ) -> Lease | Refusal:
        """Reserve in all buckets or in none. Raises RedisUnavailable, and Unread for a budget not opened in time."""
        if self._work is None:
            self._work = asyncio.create_task(self._run())
        openings = self._openings
        if openings is None or not any(bucket.per for bucket in buckets):
            return self._made(*await self._try(buckets, amounts), buckets, amounts)
        until = asyncio.get_running_loop().time() + OPENING_SECONDS
        while True:
            lines = openings.lines
            number, answer = await self._try(buckets, amounts)
            shut = [buckets[index] for index in answer[1:]] if answer[0] == _SHUT else []
            if answer[0] == 1:
                if openings.lines == lines:
                    lease = Lease(number, buckets, amounts, answer[2::2], answer[3::2], answer[1])
                    openings.begin(lease, attempts)
                    return lease
                self._wait_with((number, "void", (0, 0, 0, 0), ()))  # perhaps in a purse that was lost meanwhile
            elif not shut:
                return self._made(number, answer, buckets, amounts)
            await openings.wait(shut, until)

    async def _try(self, buckets: Sequence[Bucket], amounts: Amounts) -> tuple[int, list[Any]]:
        now = self._clock() if self._clock else milliseconds()
        number = next(self._count)
        keys = [*self._own, *(self._key(bucket.name) for bucket in buckets)]
        given = now if self._clock else 0
        asked = [_asked(bucket, amounts, now) for bucket in buckets]
        with_ledger = self._openings is not None
        message = _encode((self._base, self._worker, number, given, self._patience, asked, with_ledger))
        try:
            return number, await self._reserve(keys, [message])
        except BaseException:
            self._wait_with((number, "void", (0, 0, 0, 0), ()))  # it may have been reserved all the same, or will be
            raise

    def _made(self, number: int, answer: list[Any], buckets: Sequence[Bucket], amounts: Amounts) -> Lease | Refusal:
        if answer[0] == 1:
            return Lease(number, buckets, amounts, answer[2::2], answer[3::2], answer[1])
        if answer[0] == -1:
            raise RedisUnavailable("the reservation came too late")
        _, index, used, spent, wait, first = answer
        bucket = buckets[index]
        return Refusal(bucket, used, spent, amounts[bucket.measure], wait, bool(first))

    def release(self, lease: Lease) -> None:
        """Give a call's place among those in progress to the next, as soon as Redis takes it."""
        self._wait_with((lease.id, "release", (0, 0, 0, 0), ()))

    def settle(self, lease: Lease, amounts: Amounts) -> None:
        """Put what was used in the place of what was reserved, as soon as Redis takes it."""
        settled: Settled = (lease.id, "settle", amounts, lease.buckets)
        if self._openings is None:
            self._wait_with(settled)
        else:
            self._openings.end(settled)

    async def close(self) -> None:
        """Settle what is waiting."""
        if self._openings is not None:
            await self._openings.close()
        if self._work is None:
            return
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._work
        with contextlib.suppress(RedisUnavailable, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while self._waiting:
                    await self._settle_some()
                await self._leave(self._own[:2], [_encode((self._base, self._worker))])
        if self._waiting:
            log.error("%d calls could not be settled: Redis does not answer", len(self._waiting))

    def _wait_with(self, settlement: Settled) -> None:
        self._waiting.append(settlement)
        self._news.set()

    async def _run(self) -> None:
        """Settle what comes, and say every now and then that this worker lives."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._patience / 3_000
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            try:
                if clock() >= due:
                    due = clock() + self._patience / 3_000
                    await self._say_alive()
                while self._waiting:
                    await self._settle_some()
                self._news.clear()
            except RedisUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _say_alive(self) -> None:
        given = self._clock() if self._clock else 0
        await self._renew(self._own[:2], [_encode((self._base, self._worker, given, self._patience))])

    async def _settle_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        message = _encode((self._base, self._worker, [one[:3] for one in batch]))
        self._sent = len(batch)
        try:
            told = await self._settle(self._own, [message])
        except BaseException:
            self._waiting.extendleft(reversed(batch))
            raise
        finally:
            self._sent = 0
        for which, at, before, after in zip(*[iter(told)] * 4, strict=True):
            bucket = batch[which][3][at]
            if before < bucket.warn <= after:
                self._tell(bucket, after)

    def _key(self, name: str) -> str:
        """The name of a bucket's key. Owners may be people: their names stay here."""
        return self._base + blake2b(name.encode(), digest_size=12).hexdigest()


def _asked(bucket: Bucket, amounts: Amounts, now: int) -> tuple[Any, ...]:
    """What the script has to know of a bucket."""
    measure = bucket.measure
    asked, most = min(amounts[measure], MOST), min(bucket.most, MOST)
    if measure is Measure.MONEY:
        return (measure, asked, most, *period_of(bucket.per, now))
    return (measure, asked, most, bucket.width, bucket.slots + 1)
