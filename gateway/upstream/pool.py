"""Connections to one origin of one provider: kept, counted, bounded and watched."""

import asyncio
from collections import deque

from adapters.wire.errors import Overloaded, UpstreamUnreachable
from config import schema
from gateway.upstream.connection import Connection
from gateway.upstream.deadlines import Deadlines, Queue
from gateway.upstream.dial import Dialer
from gateway.upstream.head import InvalidSetting, Origin
from gateway.upstream.proxy import proxy_for
from gateway.upstream.response import Response

__all__ = ["Pool", "Response", "build_pool"]


class Pool:
    """Sends requests over as few connections as it can: the one used last is the one used next."""

    def __init__(
        self,
        origin: Origin,
        *,
        connections: int,
        queue: int,
        timeouts: schema.Timeouts,
        limits: schema.Limits,
        tls: schema.Tls | None = None,
        proxy: str | None = None,
        name: str = "The provider",
    ) -> None:
        self._name = name
        self._timeouts = timeouts
        self._limits = limits
        self._dialer = Dialer(origin, tls=tls, proxy=proxy_for(origin, proxy))
        self._max = connections
        self._queue_max = queue
        self._loop = asyncio.get_running_loop()
        self._open = 0
        """Connections, those being made included."""
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._queue: Queue = deque()
        """Who waits is given a connection, or None for the right to make one."""
        self._deadlines = Deadlines(self._connections, self._queue, timeouts, name)
        self._closing = False

    async def send(self, head: bytes, body: bytes) -> Response:
        """Send a request; return as soon as the headers of its answer are in.

        `head` is request line and headers, each ended by CRLF, without content-length: that is added here.
        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamError on an answer that is no HTTP, and Overloaded.

        A kept connection that the peer was closing meanwhile breaks at once and without a byte. Such a request goes
        once more, over a connection that was used a moment ago or never. RFC 9110, 9.2.2 allows that for a POST where
        the client has "some means to detect that the original request was never applied"; browsers do the same
        (Chromium: HttpNetworkTransaction::ShouldResendRequest).
        """
        began = self._loop.time()
        head = self._dialer.adapt(head)
        for may_go_again in (True, False):
            connection = self._idle.pop() if self._idle else await self._acquire(began)
            waiter = self._loop.create_future()
            response = Response(connection, self._limits.answer_bytes, waiter, began)
            connection.begin(response, head, body)
            if not self._deadlines.awake:
                self._deadlines.wake()
            try:
                await waiter
            except asyncio.CancelledError:
                response.close()
                raise
            if not (response.stale and may_go_again):
                break
            self._close_idle()
        if response.error is not None and not response.status:
            raise response.error
        return response

    @property
    def load(self) -> tuple[int, int]:
        """Connections, and requests that wait for one."""
        return self._open, len(self._queue)

    async def close(self) -> None:
        """Take no new requests and close idle connections; those under way and queued end with their answers."""
        self._closing = True
        self._close_idle()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    # Whose turn it is

    async def _acquire(self, began: float) -> Connection:
        """A connection, once there is one for us."""
        while True:
            if self._closing:
                raise Overloaded(f"{self._name} is no longer served with these settings: try again.", retry_after=1)
            if self._idle:
                return self._idle.pop()
            if self._open < self._max:
                self._open += 1
                return await self._connect(began)
            connection = await self._wait(began)
            if connection is None:
                return await self._connect(began)
            if not connection.closed:
                return connection

    async def _wait(self, began: float) -> Connection | None:
        if len(self._queue) >= self._queue_max:
            raise Overloaded(
                f"{self._name} was not asked: all {self._max} connections to it are busy and {self._queue_max} requests"
                " wait already (connections, queue). Try again later.",
                retry_after=1,
            )
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        entry = (turn, began)
        self._queue.append(entry)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                if entry in self._queue:  # or it was passed over since
                    self._queue.remove(entry)
            elif turn.exception() is None:
                self._return(turn.result())
            raise

    async def _connect(self, began: float) -> Connection:
        try:
            connection = await self._dial(began)
        except BaseException:
            self._open -= 1
            self._admit()
            raise
        self._connections.add(connection)
        return connection

    async def _dial(self, began: float) -> Connection:
        limit, setting = self._timeouts.connect, "connect"
        left = self._timeouts.total - (self._loop.time() - began)
        if left < limit:
            limit, setting = self._timeouts.total, "total"
        try:
            async with asyncio.timeout(min(limit, left)):
                connection = await self._dialer.dial(self._new_connection)
        except TimeoutError as error:
            raise self._deadlines.late("could not be reached", limit, setting) from error
        except (OSError, InvalidSetting) as error:
            raise self._dialer.explain(self._name, error) from error
        if connection.closed:
            raise UpstreamUnreachable(f"{self._name} closed the connection before it was used.")
        return connection

    def _new_connection(self) -> Connection:
        return Connection(self._name, self._limits, self._free, self._closed)

    def _return(self, turn: Connection | None) -> None:
        """Give back what a cancelled request was handed and did not use."""
        if turn is None:
            self._open -= 1
            self._admit()
        elif not turn.closed:
            self._free(turn)

    def _free(self, connection: Connection) -> None:
        """A connection may carry another exchange: that of the first in the queue, if any."""
        while self._queue:
            turn, _ = self._queue.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if self._closing:
            connection.close()
        else:
            self._idle.append(connection)

    def _closed(self, connection: Connection) -> None:
        """A connection is gone: another may be made in its place."""
        if connection not in self._connections:
            return  # it never came into service, and who was making it counts it
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._open -= 1
        self._admit()

    def _admit(self) -> None:
        """Let the first in the queue make a connection where one more is allowed."""
        while self._queue and self._open < self._max:
            turn, _ = self._queue.popleft()
            if not turn.done():
                self._open += 1
                turn.set_result(None)

    def _close_idle(self) -> None:
        for connection in self._idle.copy():
            connection.close()


def build_pool(provider: schema.Provider, origin: Origin, server: schema.Server, name: str | None = None) -> Pool:
    """The pool for one origin of a provider, with what its configuration says.

    `name` is what messages call the provider. Raises InvalidSetting on a proxy that can't be used.
    """
    return Pool(
        origin,
        connections=provider.connections,
        queue=provider.queue,
        timeouts=provider.timeouts or server.timeouts,
        limits=server.limits,
        tls=provider.tls,
        proxy=provider.proxy,
        name=f"The provider '{name}'" if name else "The provider",
    )
