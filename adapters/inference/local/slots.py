"""The turns of a model's process: so many requests at once, so many in the queue, and no more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from adapters.wire.errors import Overloaded


class Slots:
    """Shared by every request of one process, so that the bound holds for all workers of the gateway together."""

    def __init__(self, parallel: int, queue: int) -> None:
        self._free = asyncio.Semaphore(parallel)
        self._queue = queue
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises Overloaded where the queue is full."""
        if self._free.locked() and self._waiting >= self._queue:
            raise Overloaded("The local model has no room in its queue: try again later.", retry_after=1)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
