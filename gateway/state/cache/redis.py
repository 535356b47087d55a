"""Answers in Redis, shared by workers and replicas. What is wrong there makes misses, never errors."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from gateway.observe.counters import Counters
from gateway.state.cache.contract import Entry
from gateway.state.cache.encoding import decode, encode
from gateway.state.faults import RedisUnavailable
from gateway.state.redis import Redis

_IN_THREAD_AT = 65_536
"""Bytes: packing more takes over a millisecond."""
_WRITING_MOST = 67_108_864
"""Bytes of answers on their way to Redis; further ones are not kept."""
_AROUND = 65_536
"""Bytes that an entry may have besides its body."""


class RedisStore:
    """A store. Answers are written after they have left, and nobody waits for it."""

    __slots__ = ("_most", "_redis", "_tasks", "_writing", "counters")

    get_at_once: Final = None

    def __init__(self, redis: Redis, most: int, counters: Counters) -> None:
        self._redis = redis
        self._most = most + _AROUND
        self.counters = counters
        self._writing = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: bytes) -> Entry | None:
        """The answer to a request; None also where Redis does not say in time."""
        try:
            stored = await self._redis.command("GET", self._name(key))
        except RedisUnavailable:
            self.counters.add("cache_store_errors", "get")
            return None
        return await self._read(key, stored)

    async def get_many(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """The same for several, in one round trip."""
        try:
            stored = await self._redis.pipeline([("GET", self._name(key)) for key in keys])
        except RedisUnavailable:
            self.counters.add("cache_store_errors", "get")
            return [None] * len(keys)
        return [await self._read(key, value) for key, value in zip(keys, stored, strict=True)]

    def put(self, key: bytes, entry: Entry, seconds: float) -> None:
        """Keep an answer for so long, soon."""
        size = len(entry.body)
        if self._writing + size > _WRITING_MOST:
            self.counters.add("cache_store_errors", "busy")
            return
        self._writing += size
        self._later(self._write(key, entry, seconds), size)

    def discard(self, key: bytes) -> None:
        """Forget an answer, soon."""
        self._later(self._delete(key), 0)

    async def flush(self) -> None:
        """Wait until everything is written, or was given up."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _later(self, work: Coroutine[Any, Any, None], size: int) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, size))

    def _done(self, task: asyncio.Task[None], size: int) -> None:
        self._tasks.discard(task)
        self._writing -= size

    async def _read(self, key: bytes, stored: bytes | None) -> Entry | None:
        if stored is None:
            return None
        if len(stored) < _IN_THREAD_AT:
            entry = decode(key, stored, self._most)
        else:
            entry = await asyncio.to_thread(decode, key, stored, self._most)
        if entry is None:
            self.counters.add("cache_store_errors", "unreadable")
        return entry

    async def _write(self, key: bytes, entry: Entry, seconds: float) -> None:
        if len(entry.body) < _IN_THREAD_AT:
            stored = encode(key, entry)
        else:
            stored = await asyncio.to_thread(encode, key, entry)
        try:
            await self._redis.command("SET", self._name(key), stored, "PX", max(1, round(seconds * 1_000)))
        except RedisUnavailable:
            self.counters.add("cache_store_errors", "set")

    async def _delete(self, key: bytes) -> None:
        try:
            await self._redis.command("DEL", self._name(key))
        except RedisUnavailable:
            self.counters.add("cache_store_errors", "delete")

    def _name(self, key: bytes) -> str:
        return self._redis.key("answer", key.hex())
