"""Has every call recorded in the ledger, attempt by attempt."""

from collections.abc import Awaitable

from gateway.call import Call, Handler, Reply
from gateway.ledger.ledger import Ledger


class Recording:
    """Stands before the layers that may answer or refuse: what the cache answers is recorded too."""

    __slots__ = ("_begin", "_close", "_handler")

    def __init__(self, handler: Handler, ledger: Ledger) -> None:
        self._handler = handler
        self._begin = ledger.begin
        self._close = ledger.close

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call."""
        call.on_begin = self._begin
        call.on_close.append(self._close)
        return self._handler(call)
