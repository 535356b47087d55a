"""Messages that others publish: one connection for all channels, there while somebody listens."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from gateway.state.resp.connection import Connection, pack

Heard: TypeAlias = Callable[[bytes | None], None]
"""Takes a message; None when listening begins, at first and after each gap: look for what was said before."""

_PING_EVERY = 1.0
_REST_MAX = 5.0
"""Seconds."""


class Subscription:
    """Listens until it is closed."""

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


class Channels:
    """Who listens to what. A broken connection is made anew, more slowly each time."""

    def __init__(self, listen: Callable[[Callable[[Any], None]], Connection]) -> None:
        self._listen = listen
        self._listeners: dict[bytes, list[Heard]] = {}
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._alive = False

    def subscribe(self, channel: str, heard: Heard) -> Subscription:
        """Pass on what is published in a channel."""
        name = channel.encode()
        listeners = self._listeners.setdefault(name, [])
        listeners.append(heard)
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._run())
        elif self._connection is not None:
            self._connection.tell(pack(("SUBSCRIBE", name)))
        return Subscription(lambda: self._leave(name, heard))

    def close(self) -> None:
        """Listen no more."""
        self._listeners.clear()
        if self._running is not None:
            self._running.cancel()

    def _leave(self, name: bytes, heard: Heard) -> None:
        listeners = self._listeners.get(name, [])
        if heard in listeners:
            listeners.remove(heard)
        if not listeners and self._listeners.pop(name, None) is not None and self._connection is not None:
            self._connection.tell(pack(("UNSUBSCRIBE", name)))

    async def _run(self) -> None:
        rest = _PING_EVERY / 4
        try:
            while self._listeners:
                if await self._hold():
                    rest = _PING_EVERY / 4
                await asyncio.sleep(rest)
                rest = min(rest * 2, _REST_MAX)
        finally:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def _hold(self) -> bool:
        """Listen until the connection breaks, answers no ping, or nobody listens; say whether it ever stood."""
        connection = self._connection = self._listen(self._take)
        connection.tell(pack(("SUBSCRIBE", *self._listeners.keys())))
        stood = False
        while self._listeners and connection.failure is None:
            self._alive = False
            connection.tell(pack(("PING",)))
            await asyncio.sleep(_PING_EVERY)
            if not self._alive:
                break
            stood = True
        connection.close()
        self._connection = None
        return stood

    def _take(self, answer: Any) -> None:
        self._alive = True
        if not isinstance(answer, list) or len(answer) < 3:
            return
        kind, name, value = answer
        if kind == b"message":
            message = value
        elif kind == b"subscribe":
            message = None
        else:
            return
        for heard in tuple(self._listeners.get(name, ())):
            heard(message)
