"""Messages that others publish: one connection of redis-py's for all channels, made anew whenever it breaks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.backoff import EqualJitterBackoff
from redis.exceptions import RedisError

from gateway.state.resp.connection import Broken

Heard: TypeAlias = Callable[[bytes | None], None]
"""Takes a message; None when listening begins, at first and after each gap: look for what was said before."""

_CONNECTS_WITHIN = 1.0
_PING_EVERY = 1.0
_SILENT = 2.5
"""Seconds without a message or an answer to a ping: the connection is dead, whatever the network says."""
_REST = EqualJitterBackoff(cap=5, base=0.25)
_FAILURES_MAX = 8
"""More of them in a row do not make the rest longer."""


class Subscription:
    """Listens until it is closed."""

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


class Channels:
    """Who listens to what; `connect` gives a client for whichever server is to be listened to."""

    def __init__(self, connect: Callable[[], Awaitable[Redis]]) -> None:
        self._connect = connect
        self._listeners: dict[bytes, list[Heard]] = {}
        self._changed: set[bytes] = set()
        self._change = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._failures = 0

    def subscribe(self, channel: str, heard: Heard) -> Subscription:
        """Pass on what is published in a channel."""
        name = channel.encode()
        self._listeners.setdefault(name, []).append(heard)
        self._tell(name)
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._run())
        return Subscription(lambda: self._leave(name, heard))

    async def close(self) -> None:
        """Listen no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    def _leave(self, name: bytes, heard: Heard) -> None:
        listeners = self._listeners.get(name, [])
        if heard in listeners:
            listeners.remove(heard)
            if not listeners:
                del self._listeners[name]
                self._tell(name)

    def _tell(self, name: bytes) -> None:
        self._changed.add(name)
        self._change.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(RedisError, OSError, Broken):
                async with await self._connect() as client, client.pubsub() as pubsub:
                    async with asyncio.timeout(_CONNECTS_WITHIN):
                        await pubsub.connect()
                    await self._listen(pubsub)
            self._failures = min(self._failures + 1, _FAILURES_MAX)
            await asyncio.sleep(_REST.compute(self._failures))

    async def _listen(self, pubsub: PubSub) -> None:
        """Pass on what comes, until the connection breaks or nothing comes any more."""
        self._changed = set(self._listeners)
        asking = asyncio.get_running_loop().create_task(self._ask(pubsub))
        try:
            while not asking.done() and (message := await pubsub.get_message(timeout=_SILENT)) is not None:
                self._failures = 0
                self._take(message)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, pubsub: PubSub) -> None:
        """Tell the server which channels are listened to, and ask whether it still is there."""
        while True:
            self._change.clear()
            changed, self._changed = self._changed, set()
            if begun := changed & self._listeners.keys():
                await pubsub.subscribe(*begun)
            if ended := changed - self._listeners.keys():
                await pubsub.unsubscribe(*ended)
            await pubsub.ping()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PING_EVERY):
                    await self._change.wait()

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind in ("message", "subscribe"):
            for heard in tuple(self._listeners.get(message["channel"], ())):
                heard(message["data"] if kind == "message" else None)
