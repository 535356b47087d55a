"""Has every call recorded in the ledger, attempt by attempt."""

from adapters.wire.errors import GatewayError
from gateway.call import Call, Handler, Reply
from gateway.ledger.ledger import Ledger


class Recording:
    """Stands before the layers that may answer or refuse: what the cache answers is recorded too."""

    __slots__ = ("_begin", "_close", "_handler")

    def __init__(self, handler: Handler, ledger: Ledger) -> None:
        self._handler = handler
        self._begin = ledger.begin
        self._close = ledger.close

    async def __call__(self, call: Call) -> Reply:
        """Answer a call. What is known by then is recorded before the answer leaves, and the rest when it has left."""
        call.on_begin = self._begin
        try:
            reply = await self._handler(call)
        except GatewayError:
            self._close(call)
            raise
        except BaseException:
            call.on_close.append(self._close)
            raise
        if reply.stream is None and call.usage is not None:
            self._close(call)
        else:
            call.on_close.append(self._close)
        return reply
