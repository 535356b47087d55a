"""Finds the route of a call, before anything that depends on it."""

from collections.abc import Awaitable

from gateway.call import Call, Handler, Reply
from gateway.routing.routes import Routes


class Choice:
    """Stands before the layers that look at a call's route."""

    __slots__ = ("_handler", "_routes")

    def __init__(self, handler: Handler, routes: Routes) -> None:
        self._handler = handler
        self._routes = routes

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises UnknownModel."""
        call.route = self._routes.find(call.body.model)
        return self._handler(call)
