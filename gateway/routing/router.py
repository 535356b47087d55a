"""The only loop over targets: the first that answers; the next after a fault that is not the client's."""

import logging
from collections.abc import Awaitable

from adapters.wire.errors import GatewayError
from gateway.call import Call, Reply
from gateway.dispatch import Dispatch
from gateway.route import Route

log = logging.getLogger("isthmus.router")


class Router:
    """Tries the targets of a call's route in order, until the first byte is out."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._attempt = dispatch.attempt

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises the last target's error when none answers."""
        route = call.route
        assert route is not None  # noqa: S101 - chosen before any layer that needs it
        if len(route.targets) == 1:
            return self._attempt(call, route.targets[0])
        return self._first_answer(call, route)

    async def _first_answer(self, call: Call, route: Route) -> Reply:
        for target in route.targets[:-1]:
            try:
                return await self._attempt(call, target)
            except GatewayError as error:
                if not error.retryable:
                    raise
                log.warning("%s at %s: %s %s, falling back", route.name, target.provider, error.status, error.code)
        return await self._attempt(call, route.targets[-1])
