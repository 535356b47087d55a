"""Redis counts for all workers: what a worker leaves behind, what comes late, and what becomes of it all in a fault."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from gateway.observe.counters import Counters
from gateway.state.faults import RedisUnavailable
from gateway.state.limits.contract import Bucket, Lease, Refusal
from gateway.state.limits.shared import RedisLimits
from gateway.state.redis import Redis
from tests.gateway.state.limits.buckets import Clock, money, parallel, requests, tokens, untold
from tests.services.redis import Cluster, RedisServer

EVERYTHING = (requests(10), tokens(100), parallel(5), money(100))
HALF = (1, 50, 1, 50)
PATIENCE = 10.0


@asynccontextmanager
async def a_worker(
    url: str, prefix: str, clock: Clock | None = None, timeout_ms: int = 5_000
) -> AsyncIterator[RedisLimits]:
    from config.state import Redis as Settings

    redis = Redis(Settings(url=url, prefix=prefix, timeout_ms=timeout_ms), Counters())
    store = RedisLimits(redis, untold, PATIENCE, clock)
    try:
        yield store
    finally:
        await store.close()
        await redis.close()


class Replicas:
    """Workers that share a Redis and a clock."""

    def __init__(self, stack: AsyncExitStack, url: str) -> None:
        self._stack = stack
        self._url = url
        self._prefix = secrets.token_hex(6)
        self.clock = Clock()

    async def start(self, **options: int) -> RedisLimits:
        return await self._stack.enter_async_context(a_worker(self._url, self._prefix, self.clock, **options))


@pytest.fixture
async def replicas(redis_of_all: RedisServer) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(stack, redis_of_all.url)


async def reserve(store: RedisLimits, amounts: tuple[int, int, int, int] = HALF) -> Lease:
    answer = await store.reserve(EVERYTHING, amounts)
    assert isinstance(answer, Lease)
    return answer


async def used(store: RedisLimits) -> list[int]:
    """What counts at present, by a call that needs no more than a request."""
    lease = await reserve(store, (0, 0, 0, 0))
    store.settle(lease, (0, 0, 0, 0))
    await until(lambda: not store.unsettled)
    return list(lease.used)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)


def kill(store: RedisLimits) -> None:
    """It shows no sign of life any more."""
    assert store._work is not None
    store._work.cancel()


async def test_what_one_worker_reserves_all_count(replicas: Replicas) -> None:
    first, second = await replicas.start(), await replicas.start()
    await reserve(first)
    assert await used(second) == [1, 50, 1, 50]


async def test_a_dead_workers_calls_are_given_back_and_their_requests_stay(replicas: Replicas) -> None:
    first, second = await replicas.start(), await replicas.start()
    await reserve(first)
    kill(first)
    replicas.clock.now += 9_999
    assert await used(second) == [1, 50, 1, 50]
    replicas.clock.now += 1
    assert await used(second) == [1, 0, 0, 0]


async def test_a_worker_that_was_silent_still_says_what_was_used(replicas: Replicas) -> None:
    first, second = await replicas.start(), await replicas.start()
    lease = await reserve(first)
    replicas.clock.now += 10_000
    assert await used(second) == [1, 0, 0, 0]
    for _ in range(2):
        first.settle(lease, (1, 20, 0, 30))
        await until(lambda: not first.unsettled)
    assert await used(second) == [1, 20, 0, 30]


async def test_a_worker_that_is_back_holds_what_its_calls_reserved_again(replicas: Replicas) -> None:
    first, second = await replicas.start(), await replicas.start()
    lease = await reserve(first)
    replicas.clock.now += 10_000
    assert await used(second) == [1, 0, 0, 0]
    await first._say_alive()
    assert await used(second) == [1, 50, 1, 50]
    first.settle(lease, (1, 20, 0, 30))
    await until(lambda: not first.unsettled)
    assert await used(second) == [1, 20, 0, 30]


async def test_a_place_can_be_given_back_before_the_rest_is_settled(replicas: Replicas) -> None:
    store = await replicas.start()
    lease = await reserve(store)
    for _ in range(2):
        store.release(lease)
        await until(lambda: not store.unsettled)
    assert await used(store) == [1, 50, 0, 50]
    store.settle(lease, (1, 20, 0, 30))
    await until(lambda: not store.unsettled)
    assert await used(store) == [1, 20, 0, 30]


async def test_a_worker_that_ends_leaves_nothing_unsettled(replicas: Replicas) -> None:
    first, second = await replicas.start(), await replicas.start()
    lease = await reserve(first)
    first.settle(lease, (1, 20, 0, 30))
    await first.close()
    assert await used(second) == [1, 20, 0, 30]


async def test_a_reservation_that_was_given_up_holds_nothing(replicas: Replicas) -> None:
    store = await replicas.start()
    await reserve(store)
    asked = asyncio.ensure_future(reserve(store))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    await until(lambda: not store.unsettled)
    assert await used(store) == [1, 50, 1, 50]


async def test_a_reservation_that_comes_after_it_was_given_up_is_not_made(replicas: Replicas) -> None:
    store = await replicas.start()
    await used(store)
    store._wait_with((7, "void", (0, 0, 0, 0), ()))
    await until(lambda: not store.unsettled)
    store._count = iter([7, 8, 9])  # type: ignore[assignment]
    with pytest.raises(RedisUnavailable):
        await store.reserve(EVERYTHING, HALF)
    await until(lambda: not store.unsettled)
    assert await used(store) == [0, 0, 0, 0]


async def test_a_soft_end_is_told_by_one_worker_once(redis_of_all: RedisServer) -> None:
    told: list[tuple[str, int]] = []

    def tell(bucket: Bucket, spent: int) -> None:
        told.append((bucket.name, spent))

    redis = Redis(redis_of_all.settings(secrets.token_hex(6), timeout_ms=5_000), Counters())
    stores = [RedisLimits(redis, tell) for _ in range(4)]
    budget = (money(1_000, warn=100),)
    for store in stores * 10:
        lease = await store.reserve(budget, (1, 0, 1, 10))
        assert isinstance(lease, Lease)
        store.settle(lease, (1, 0, 0, 10))
    for store in stores:
        await store.close()
    await redis.close()
    assert told == [("money:day", 100)]


async def test_no_name_of_a_holder_reaches_redis(replicas: Replicas, redis_of_all: RedisServer) -> None:
    store = await replicas.start()
    await store.reserve((requests(5, "owner:mary@example.com:requests_per_minute"),), (1, 0, 1, 0))
    with redis_of_all.client() as client:
        assert not [key for key in client.keys("*") if b"mary" in key]


async def test_in_a_cluster_all_of_it_is_on_one_node(redis_cluster: Cluster) -> None:
    async with a_worker(redis_cluster.url, secrets.token_hex(6)) as store:
        lease = await reserve(store)
        store.settle(lease, (1, 20, 0, 30))
        await until(lambda: not store.unsettled)
        assert await used(store) == [1, 20, 0, 30]


async def test_what_could_not_be_settled_is_when_redis_is_back(own_redis: RedisServer) -> None:
    async with a_worker(own_redis.url, "test", timeout_ms=500) as store:
        lease = await reserve(store)
        own_redis.pause()
        store.settle(lease, (1, 20, 0, 30))
        with pytest.raises(RedisUnavailable):
            await store.reserve(EVERYTHING, HALF)
        assert store.unsettled == 2
        own_redis.resume()
        await until(lambda: not store.unsettled)
    async with a_worker(own_redis.url, "test") as other:
        assert await used(other) == [1, 20, 0, 30]


async def test_after_everything_was_lost_counting_begins_anew(own_redis: RedisServer) -> None:
    async with a_worker(own_redis.url, "test") as store:
        lease = await reserve(store)
        own_redis.flush()
        store.settle(lease, (1, 20, 0, 30))
        await until(lambda: not store.unsettled)
        assert await used(store) == [0, 0, 0, 0]
        assert isinstance(await store.reserve(EVERYTHING, (1, 101, 1, 1)), Refusal)


async def test_a_full_redis_goes_on_counting(own_redis: RedisServer) -> None:
    async with a_worker(own_redis.url, "test") as store:
        own_redis.fill()
        lease = await reserve(store)
        assert isinstance(await store.reserve(EVERYTHING, (1, 60, 1, 60)), Refusal)
        store.settle(lease, (1, 20, 0, 30))
        await until(lambda: not store.unsettled)
        assert await used(store) == [1, 20, 0, 30]
