"""Sees every call from its beginning to after its end, refusals and cancels included, and tells the sinks."""

from collections.abc import Callable

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply


class Telemetry:
    """The outermost layer."""

    __slots__ = ("_handler", "_sinks")

    def __init__(self, handler: Handler, sinks: tuple[Callable[[Call], None], ...]) -> None:
        self._handler = handler
        self._sinks = sinks

    async def __call__(self, call: Call) -> Reply:
        """Answer a call and note its error."""
        call.on_close += self._sinks
        try:
            return await self._handler(call)
        except GatewayError as error:
            call.error = error.code or error.type
            raise
