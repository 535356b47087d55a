"""Sees every call from its beginning to after its end, refusals and cancels included, and tells the sinks."""

import asyncio
from collections.abc import Callable

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply
from gateway.observe.trace import Tracer


class Telemetry:
    """The outermost layer."""

    __slots__ = ("_handler", "_sinks", "_trace")

    def __init__(self, handler: Handler, sinks: tuple[Callable[[Call], None], ...], tracer: Tracer) -> None:
        self._handler = handler
        self._sinks = sinks
        self._trace = tracer.trace

    async def __call__(self, call: Call) -> Reply:
        """Answer a call, note its error, and tell the client what other layers have to say in every case."""
        call.trace = self._trace(call.client_headers)
        call.on_close.append(self._close)
        try:
            reply = await self._handler(call)
        except GatewayError as error:
            call.error = error.code or error.type
            error.headers = (*error.headers, *call.told)
            raise
        if call.told:
            reply.headers += call.told
        return reply

    def _close(self, call: Call) -> None:
        """Every other layer has settled: what the sinks see is final."""
        call.ended = asyncio.get_running_loop().time()
        for sink in self._sinks:
            sink(call)
