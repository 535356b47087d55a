"""Answers in a real Redis: found again by every worker, and missing without harm whatever becomes of Redis."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from gateway.observe.counters import Counters
from gateway.state.cache.contract import Entry
from gateway.state.cache.redis import RedisStore
from gateway.state.redis import Redis
from tests.services.redis import RedisServer

KEY, OTHER = b"k" * 32, b"o" * 32
Harm: TypeAlias = Callable[[RedisServer], None]


def an_entry(size: int = 100) -> Entry:
    return Entry(1.5, b"x" * size, ((b"x-isthmus-model", b"m"),), None)


@asynccontextmanager
async def a_store(server: RedisServer, prefix: str, timeout_ms: int = 5_000) -> AsyncIterator[RedisStore]:
    counters = Counters()
    redis = Redis(server.settings(prefix, timeout_ms=timeout_ms), counters)
    store = RedisStore(redis, 4_000_000, counters)
    try:
        yield store
    finally:
        await store.flush()
        await redis.close()


def errors(store: RedisStore, what: str) -> float:
    return store.counters.values["cache_store_errors", what]


@pytest.mark.parametrize("size", [10, 2_000, 300_000])
async def test_what_one_worker_keeps_another_finds(redis_of_all: RedisServer, size: int) -> None:
    async with a_store(redis_of_all, f"found-{size}") as one, a_store(redis_of_all, f"found-{size}") as other:
        one.put(KEY, an_entry(size), 60)
        await one.flush()
        assert await other.get(KEY) == an_entry(size)
        assert await other.get_many([OTHER, KEY]) == [None, an_entry(size)]


async def test_it_ends_with_its_time_and_when_it_is_discarded(redis_of_all: RedisServer) -> None:
    async with a_store(redis_of_all, "time") as store:
        store.put(KEY, an_entry(), 60)
        store.put(OTHER, an_entry(), 60)
        await store.flush()
        store.discard(OTHER)
        await store.flush()
        with redis_of_all.client() as client:
            names = list(client.keys("time:*"))
            assert len(names) == 1
            assert 59_000 < client.pttl(names[0]) <= 60_000
        assert await store.get(OTHER) is None


async def test_names_in_redis_tell_nothing(redis_of_all: RedisServer) -> None:
    async with a_store(redis_of_all, "names") as store:
        store.put(KEY, an_entry(), 60)
        await store.flush()
        with redis_of_all.client() as client:
            assert client.keys("names:*") == [b"names:answer:" + KEY.hex().encode()]


async def test_garbage_is_a_miss_and_counted(redis_of_all: RedisServer) -> None:
    async with a_store(redis_of_all, "garbage") as store:
        store.put(KEY, an_entry(), 60)
        await store.flush()
        with redis_of_all.client() as client:
            client.append("garbage:answer:" + KEY.hex(), "x")
        assert await store.get(KEY) is None
        assert errors(store, "unreadable") == 1


@pytest.mark.parametrize("harm", [RedisServer.stop, RedisServer.pause], ids=["gone", "hanging"])
async def test_without_redis_there_are_misses_within_the_timeout(own_redis: RedisServer, harm: Harm) -> None:
    async with a_store(own_redis, "harm", timeout_ms=200) as store:
        store.put(KEY, an_entry(), 60)
        await store.flush()
        harm(own_redis)
        began = time.monotonic()
        assert await store.get(KEY) is None
        assert await store.get_many([KEY]) == [None]
        store.put(KEY, an_entry(), 60)
        store.discard(OTHER)
        await store.flush()
        assert time.monotonic() - began < 5
        assert errors(store, "get") == 2
        assert errors(store, "set") == 1
        if harm is RedisServer.pause:
            own_redis.resume()


async def test_a_full_redis_keeps_nothing_new_and_gives_what_it_has(own_redis: RedisServer) -> None:
    async with a_store(own_redis, "full") as store:
        store.put(KEY, an_entry(), 60)
        await store.flush()
        own_redis.fill()
        store.put(OTHER, an_entry(), 60)
        await store.flush()
        assert await store.get(KEY) == an_entry()
        assert errors(store, "set") == 1


async def test_a_flushed_redis_has_misses_and_goes_on(own_redis: RedisServer) -> None:
    async with a_store(own_redis, "flushed") as store:
        store.put(KEY, an_entry(), 60)
        await store.flush()
        own_redis.flush()
        assert await store.get(KEY) is None
        store.put(KEY, an_entry(), 60)
        await store.flush()
        assert await store.get(KEY) == an_entry()


async def test_what_waits_to_be_written_is_bounded(redis_of_all: RedisServer) -> None:
    async with a_store(redis_of_all, "bounded") as store:
        for _ in range(20):
            store.put(KEY, an_entry(4_000_000), 60)
        assert errors(store, "busy") == 4
