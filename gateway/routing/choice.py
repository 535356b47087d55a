"""Finds the route of a call, before anything that depends on it."""

from collections.abc import Awaitable

from gateway.call import Call, Handler, Reply
from gateway.routing.deadline import HEADER, answer_before, seconds_of
from gateway.routing.routes import Routes


class Choice:
    """Stands before the layers that look at a call's route."""

    __slots__ = ("_handler", "_routes")

    def __init__(self, handler: Handler, routes: Routes) -> None:
        self._handler = handler
        self._routes = routes

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises UnknownModel, DeadlineExceeded, and BadRequest on a timeout that is none."""
        route = call.route = self._routes.find(call.body.model)
        if route.settings.timeout is None and HEADER not in call.client_headers:
            return self._handler(call)
        return answer_before(call, seconds_of(call), self._handler)
