"""The only loop over targets: the first that answers; the next after a fault that is not the client's."""

import logging
from collections.abc import Awaitable

from adapters.wire.errors import GatewayError
from gateway.call import Call, Reply
from gateway.dispatch import Dispatch
from gateway.routing.routes import Route, Routes

log = logging.getLogger("isthmus.router")


class Router:
    """Finds a call's route and tries its targets in order, until the first byte is out."""

    def __init__(self, routes: Routes, dispatch: Dispatch) -> None:
        self._routes = routes
        self._attempt = dispatch.attempt

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises the last target's error when none answers."""
        route = self._routes.find(call.body.model)
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
