"""Calls that the gateway makes of itself for a caller: the whole way of any other, but with no client at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from adapters.wire.usage import Usage
from config.schema import Operation
from gateway.auth import Caller
from gateway.call import Call, Cause, Handler, Reply, new_request_id
from gateway.relay import relay


class Inside:
    """Asks an onion from the inside. Its `handler` is set once the onion is whole."""

    __slots__ = ("_background", "_count", "_enter", "_leave", "handler")

    def __init__(
        self, count: Callable[[Call], Awaitable[Usage]], enter: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        self._count = count
        self._enter = enter
        self._leave = leave
        self._background: set[asyncio.Task[Any]] = set()
        self.handler: Handler | None = None

    async def ask(
        self, operation: Operation, caller: Caller, body: Body, headers: dict[bytes, bytes], cause: Cause
    ) -> Reply:
        """Have a call answered to its end and accounted for. Raises what a client would be told."""
        handler = self.handler
        assert handler is not None  # noqa: S101 - nothing is asked before the onion is whole
        call = Call(operation, new_request_id(), caller, body, headers, asyncio.get_running_loop().time())
        call.cause = cause
        self._enter()
        try:
            reply = await handler(call)
            await relay(call, reply, _nobody, self._count)
        except GatewayError as error:
            call.status = error.status
            raise
        except asyncio.CancelledError:
            call.status = 499
            raise
        finally:
            self._leave()
            call.close()
        return reply

    def in_background(self, work: Awaitable[Any]) -> None:
        """Have something done that nobody waits for."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def later(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Callable[[], None]:
        """What has something done in the background once it is called."""
        return lambda: self.in_background(work(*arguments))


async def _nobody(message: Any) -> None:
    """A client that reads everything."""
