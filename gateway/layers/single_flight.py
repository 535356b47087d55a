"""Identical calls under way share one, on routes that say so. Inside the cache: what it knows never comes here."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply
from gateway.fingerprint import fingerprint
from gateway.observe.counters import Counters
from gateway.state.flights import Airfield, Flight, Key
from gateway.state.shared_stream import Count

if TYPE_CHECKING:
    from gateway.state.replicas import Replicas


class SingleFlight:
    """Lets the first of identical calls through; the others are given what it is given."""

    __slots__ = ("_around", "_counters", "_flights", "_handler")

    def __init__(self, handler: Handler, counters: Counters, count: Count, replicas: "Replicas | None" = None) -> None:
        self._handler = handler
        self._around = Airfield(handler, count, replicas)
        self._counters = counters
        self._flights: dict[Key, Flight] = {}

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call."""
        route = call.route
        settings = route.settings.cache if route is not None else None
        if settings is None or not settings.single_flight or call.cache == "bypass":
            return self._handler(call)
        return self._share(call)

    async def _share(self, call: Call) -> Reply:
        key = _key(call)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._begin(key, call)
        else:
            self._join(flight, call)
        while (reply := await flight.answer(call)) is None:
            assert flight.heir is not None  # noqa: S101 - that is what None says
            flight = flight.heir
        return reply

    def _begin(self, key: Key, call: Call, *, is_second: bool = False) -> Flight:
        flight = self._flights[key] = Flight(key, call, self._around, self._landed, is_second=is_second)
        return flight

    def _landed(self, flight: Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        if flight.error is not None and flight.heir is None:
            self._take_over(flight)

    def _join(self, flight: Flight, call: Call) -> None:
        flight.join(call)
        call.cache = "joined"
        self._counters.add("single_flight", "joined")

    def _take_over(self, failed: Flight) -> None:
        """One of the followers asks again, once: what is wrong with the request itself would be wrong again."""
        error = failed.error
        followers = failed.followers
        if not followers or failed.is_second or (isinstance(error, GatewayError) and not error.retryable):
            return
        first, *others = followers
        first.cache = "miss"
        self._counters.add("single_flight", "taken_over")
        heir = failed.heir = self._begin(failed.key, first, is_second=True)
        for call in others:
            heir.join(call)


def _key(call: Call) -> Key:
    body = call.body
    return fingerprint(call), body.stream, bytes(body.fields.get("stream_options", b""))
