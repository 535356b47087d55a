"""Refuses what the gateway has no room for, before anything expensive."""

from collections.abc import Awaitable

from adapters.wire.errors import Overloaded
from gateway.call import Call, Handler, Reply
from gateway.state.in_flight import InFlight


class InFlightLimit:
    """Bounds the requests in progress, over all workers."""

    __slots__ = ("_handler", "_in_flight", "_most")

    def __init__(self, handler: Handler, in_flight: InFlight, most: int) -> None:
        self._handler = handler
        self._in_flight = in_flight
        self._most = most

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises Overloaded when too many are in progress."""
        if self._in_flight.total() >= self._most:
            raise Overloaded(
                f"The gateway already serves {self._most} requests (server.limits.concurrent_requests).", retry_after=1
            )
        self._in_flight.add()
        call.on_close.append(self._release)
        return self._handler(call)

    def _release(self, call: Call) -> None:
        self._in_flight.remove()
