"""The Redis that workers and replicas share: every command bounded in time, and left alone while it is down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import redis.asyncio
from redis.exceptions import RedisError

from config import state
from gateway.observe.counters import Counters

Argument: TypeAlias = bytes | str | int | float


class RedisUnavailable(Exception):
    """Redis did not answer in time, is down, or refused: go on without it."""


class Script:
    """A Lua script that runs atomically."""

    def __init__(self, run: Callable[[Sequence[str], Sequence[Argument]], Awaitable[Any]]) -> None:
        self._run = run

    def __call__(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Awaitable[Any]:
        """Run it. Raises RedisUnavailable."""
        return self._run(keys, arguments)


class Redis:
    """One Redis. Every method raises RedisUnavailable, at the latest after the configured time."""

    def __init__(self, settings: state.Redis, counters: Counters) -> None:
        self._client: Any = redis.asyncio.from_url(settings.url, max_connections=settings.connections)
        self._timeout = settings.timeout_ms / 1_000
        self._prefix = settings.prefix
        self._counters = counters

    def key(self, *parts: str) -> str:
        """The name of a key: the configured prefix and these parts, joined by colons."""
        return ":".join((self._prefix, *parts))

    async def command(self, *arguments: Argument) -> Any:
        """Run one command."""
        return await self._bounded(self._client.execute_command(*arguments))

    async def pipeline(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run several in one round trip."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = await self._bounded(pipeline.execute())
        return answers

    def script(self, source: str) -> Script:
        """A script; it is sent once and called by its digest."""
        registered = self._client.register_script(source)
        return Script(lambda keys, arguments: self._bounded(registered(keys=keys, args=arguments)))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _bounded(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except (RedisError, OSError, TimeoutError) as error:
            self._counters.add("redis_errors", type(error).__name__)
            raise RedisUnavailable(str(error)) from None
