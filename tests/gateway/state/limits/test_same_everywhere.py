"""Memory and Redis count alike, whatever happens, and neither ever lets more pass than a limit says."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.observe.counters import Counters
from gateway.state.limits.calendar import period_of
from gateway.state.limits.contract import Bucket, Lease, Measure, Refusal
from gateway.state.limits.memory import MemoryLimits
from gateway.state.limits.shared import RedisLimits
from gateway.state.redis import Redis
from tests.gateway.state.limits.buckets import (
    DAY,
    HOUR,
    MINUTE,
    Clock,
    money,
    parallel,
    requests,
    tokens,
    tokens_per_day,
)
from tests.services.redis import RedisServer

BUCKETS = (
    requests(3),
    tokens(1_000),
    tokens_per_day(5_000),
    parallel(2),
    money(1_000, warn=300),
    money(3_000, "month", warn=1_000),
    money(20_000, "total"),
)

Amount = st.one_of(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0, 999, 1_000, 1_001]))
Wait = st.one_of(
    st.integers(0, 3_000),
    st.integers(MINUTE - 2_000, MINUTE + 8_000),
    st.sampled_from([MINUTE, MINUTE + 1_000, HOUR, DAY, DAY + 10 * MINUTE, 31 * DAY]),
)
Which = st.one_of(
    st.integers(0, len(BUCKETS) - 1).map(lambda one: {one}), st.sets(st.integers(0, len(BUCKETS) - 1), min_size=1)
)
Reserve = st.tuples(st.just("reserve"), Which, Amount, Amount)
Settle = st.tuples(st.just("settle"), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1))
Release = st.tuples(st.just("release"), st.integers(0, 50))
Operations = st.lists(
    st.one_of(Reserve, Reserve, Settle, Release, st.tuples(st.just("wait"), Wait)), min_size=12, max_size=40
)


@dataclass
class Kept:
    """A call that was let pass, as an onlooker sees it."""

    at: int
    buckets: tuple[Bucket, ...]
    amounts: tuple[int, int, int, int]
    over: bool = False


@dataclass
class Onlooker:
    """Knows nothing of slots and scripts: adds up what was let pass."""

    calls: list[Kept] = field(default_factory=list)

    def check(self, now: int) -> None:
        for bucket in BUCKETS:
            counted = [call for call in self.calls if bucket in call.buckets and _counts(call, bucket, now)]
            assert sum(call.amounts[bucket.measure] for call in counted) <= bucket.most, bucket


def _counts(call: Kept, bucket: Bucket, now: int) -> bool:
    if bucket.measure is Measure.MONEY:
        return period_of(bucket.per, call.at) == period_of(bucket.per, now)
    if bucket.measure is Measure.PARALLEL:
        return not call.over
    return call.at > now - bucket.width * bucket.slots


async def settled(store: RedisLimits) -> None:
    async with asyncio.timeout(10):
        while store.unsettled:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


def teller(told: list[tuple[str, int]]) -> Callable[[Bucket, int], None]:
    return lambda bucket, spent: told.append((bucket.name, spent))


async def run(operations: list[tuple[object, ...]], server: RedisServer) -> None:
    clock = Clock()
    redis = Redis(server.settings(secrets.token_hex(6), timeout_ms=5_000), Counters())
    heard: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    memory = MemoryLimits(teller(heard[0]), clock)
    shared = RedisLimits(redis, teller(heard[1]), 400 * DAY / 1_000, clock)
    onlooker = Onlooker()
    open_leases: list[tuple[Lease, Lease, Kept]] = []
    try:
        for operation in operations:
            match operation:
                case ("wait", int(milliseconds)):
                    clock.now += milliseconds
                case ("reserve", set(which), int(some_tokens), int(some_money)):
                    buckets = tuple(BUCKETS[index] for index in sorted(which))
                    amounts = (1, some_tokens, 1, some_money)
                    here, there = await memory.reserve(buckets, amounts), await shared.reserve(buckets, amounts)
                    if isinstance(here, Refusal) or isinstance(there, Refusal):
                        assert here == there
                        continue
                    assert (list(here.used), list(here.spent), here.now) == (
                        list(there.used),
                        list(there.spent),
                        there.now,
                    )
                    kept = Kept(clock.now, buckets, amounts)
                    onlooker.calls.append(kept)
                    open_leases.append((here, there, kept))
                case ("release", int(index)) if open_leases:
                    here, there, kept = open_leases[index % len(open_leases)]
                    if not kept.over:
                        memory.release(here)
                        shared.release(there)
                        await settled(shared)
                        kept.amounts = (*kept.amounts[:2], 0, kept.amounts[3])
                case ("settle", int(index), float(of_tokens), float(of_money)) if open_leases:
                    here, there, kept = open_leases[index % len(open_leases)]
                    used = (1, int(kept.amounts[1] * of_tokens), 0, int(kept.amounts[3] * of_money))
                    memory.settle(here, used)
                    shared.settle(there, used)
                    await settled(shared)
                    if not kept.over:
                        kept.amounts, kept.over = (1, used[1], 0, used[3]), True
            onlooker.check(clock.now)
        assert heard[0] == heard[1]
    finally:
        await shared.close()
        await redis.close()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=Operations)
def test_both_stores_count_alike_and_hold_every_limit(
    redis_of_all: RedisServer, operations: list[tuple[object, ...]]
) -> None:
    asyncio.run(run(operations, redis_of_all))


@pytest.mark.parametrize("most", [2**53 - 1, 9_000_000 * 10**9])
async def test_the_largest_budget_is_counted_to_the_last_nano_dollar(redis_of_all: RedisServer, most: int) -> None:
    redis = Redis(redis_of_all.settings(secrets.token_hex(6), timeout_ms=5_000), Counters())
    store = RedisLimits(redis, lambda bucket, spent: None)
    budget = (money(most, "total"),)
    try:
        lease = await store.reserve(budget, (1, 0, 1, most - 1))
        assert isinstance(lease, Lease)
        store.settle(lease, (1, 0, 0, most - 1))
        await settled(store)
        last = await store.reserve(budget, (1, 0, 1, 1))
        assert isinstance(last, Lease)
        assert list(last.used) == [most]
        assert isinstance(await store.reserve(budget, (1, 0, 1, 1)), Refusal)
    finally:
        await store.close()
        await redis.close()
