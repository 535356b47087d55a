"""The timeouts of a pool's exchanges, kept by one timer for all of them."""

import asyncio
from collections import deque
from typing import TypeAlias

from adapters.wire.errors import UpstreamTimeout
from config.schema import Timeouts
from gateway.upstream.connection import Connection

_SWEEP_SECONDS = 0.05
_REST_SECONDS = 5.0
_IDLE_SECONDS = 55.0
"""Many servers close an idle connection after 60 seconds: leaving first saves meetings with stale ones."""

Queue: TypeAlias = deque[tuple[asyncio.Future[Connection | None], float]]
"""Who waits for a connection and since when, the first first."""


class Deadlines:
    """Looks at every connection twenty times a second while any is busy, and fails those that are overdue.

    So a deadline costs a request nothing, and strikes up to 50 ms late and never early.
    """

    def __init__(self, connections: set[Connection], queue: Queue, timeouts: Timeouts, name: str) -> None:
        self.awake = False
        """Whether it comes often; `wake` it when an exchange begins."""
        self._connections = connections
        self._queue = queue
        self._timeouts = timeouts
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Come often, until nothing is busy."""
        self.awake = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def late(self, what: str, seconds: float, setting: str) -> UpstreamTimeout:
        """The error for something that did not happen in time."""
        return UpstreamTimeout(f"{self._name} {what} within {seconds:g} seconds (timeouts.{setting}).")

    def _sweep(self) -> None:
        now = self._loop.time()
        self.awake = self._sweep_queue(now)
        for connection in self._connections.copy():
            if connection.busy:
                self.awake = True
                if (error := self._overdue(connection, now)) is not None:
                    connection.fail(error)
            elif connection.heard:
                connection.heard = False
                connection.since = now
            elif now - connection.since > _IDLE_SECONDS:
                connection.close()
        if self.awake or self._connections:
            self._timer = self._loop.call_later(_SWEEP_SECONDS if self.awake else _REST_SECONDS, self._sweep)
        else:
            self._timer = None

    def _sweep_queue(self, now: float) -> bool:
        """Whether anybody waits still."""
        while self._queue and now - self._queue[0][1] > self._timeouts.total:
            turn, _ = self._queue.popleft()
            if not turn.done():
                turn.set_exception(self.late("had no free connection", self._timeouts.total, "total"))
        return bool(self._queue)

    def _overdue(self, connection: Connection, now: float) -> UpstreamTimeout | None:
        timeouts = self._timeouts
        response = connection.response
        if now - response.began > timeouts.total:
            return self.late("did not end its answer", timeouts.total, "total")
        if not response.status:
            if now - connection.since > timeouts.first_byte:
                return self.late("did not begin to answer", timeouts.first_byte, "first_byte")
        elif connection.heard or response.paused:
            connection.heard = False
            connection.since = now
        elif now - connection.since > timeouts.between_chunks:
            return self.late("fell silent inside its answer", timeouts.between_chunks, "between_chunks")
        return None
