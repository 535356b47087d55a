"""The only loop over targets: the first that answers; again, or the next, after a fault that is not the client's."""

import asyncio

from adapters.inference.contract import Target
from adapters.wire.errors import GatewayError, UpstreamError
from gateway.call import Attempt, Call, Cause, Reply
from gateway.dispatch import Dispatch
from gateway.observe.counters import Counters
from gateway.route import Route
from gateway.routing.attempts import are_worth_telling, attempts_header
from gateway.routing.balance import Balance
from gateway.routing.continuation import Continuation
from gateway.routing.hedging import Hedging
from gateway.routing.mirror import Mirroring, Sink
from gateway.routing.refusals import is_filtered
from gateway.routing.retry import Search


class Router:
    """Tries the targets of a call's route in the order of the balance, until content is there."""

    def __init__(self, dispatch: Dispatch, balance: Balance, counters: Counters, sinks: tuple[Sink, ...] = ()) -> None:
        self._attempt = dispatch.attempt
        self._balance = balance
        self._counters = counters
        self._hedging = Hedging(balance, counters)
        self._continuation = Continuation(self._ask, balance, counters)
        self._mirroring = Mirroring(self._ask, sinks, counters)

    async def __call__(self, call: Call) -> Reply:
        """Answer a call. Raises the error that tells most when nobody answers."""
        route = call.route
        assert route is not None  # noqa: S101 - chosen before any layer that needs it
        targets = self._balance.order(call, route)
        route.budget.note(call.received)
        ask = self._ask if route.is_plain else self._ask_for_content
        try:
            if route.settings.hedge is None:
                reply = await ask(call, targets[0], "first")
            else:
                reply = await self._hedging.answer(call, route, targets, ask)
        except GatewayError as fault:
            reply = await Search(ask, call, route, targets, self._counters).after(fault)
        if are_worth_telling(call.attempts):
            reply.headers.append(attempts_header(call.attempts))
        if not route.is_plain:
            self._watch(call, route, reply)
        return reply

    def _watch(self, call: Call, route: Route, reply: Reply) -> None:
        """See to what comes after the answer's beginning."""
        if reply.stream is not None and call.operation == "chat" and route.settings.broken_stream == "continue":
            reply.stream.go_on = self._continuation.go_on
        if route.shadow is not None:
            self._mirroring.consider(call, route, reply)

    async def _ask(self, call: Call, target: Target, cause: Cause) -> Reply:
        """One attempt, within its place at the target: a stream gives that back at its own end."""
        balance = self._balance
        if (place := balance.enter(call, target)) is not None:
            await place
        attempts = call.attempts
        before = len(attempts)
        try:
            reply = await self._attempt(call, target, cause)
        except BaseException:
            balance.leave(target, _telling(attempts[before:], target))
            raise
        if (stream := reply.stream) is None:
            alone = len(attempts) == before + 1
            balance.leave(target, attempts[-1] if alone else _telling(attempts[before:], target))
        else:
            stream.leave = balance.leave
        return reply

    async def _ask_for_content(self, call: Call, target: Target, cause: Cause) -> Reply:
        """The same; an answer that a content filter took whole is a refusal, where the next target may answer."""
        reply = await self._ask(call, target, cause)
        if _is_refused_when_filtered(call.route) and is_filtered(reply):
            raise _withheld(reply, call, asyncio.get_running_loop().time())
        return reply


def _telling(attempts: list[Attempt], target: Target) -> Attempt | None:
    """Of attempts, the one at this target that failed, else its last: a batch makes several; None for none."""
    last = None
    for each in attempts:
        if each.target is target:
            if each.error is not None:
                return each
            last = each
    return last


def _is_refused_when_filtered(route: Route | None) -> bool:
    return route is not None and len(route.targets) > 1 and "content_filter" in route.settings.fallback_on


def _withheld(reply: Reply, call: Call, now: float) -> UpstreamError:
    """An answer that a content filter took whole, as the refusal that it is."""
    error = UpstreamError(
        "The provider's content filter withheld the answer.",
        status=400,
        type="invalid_request_error",
        code="content_filter",
    )
    if reply.stream is not None:
        reply.stream.end(now, error.code)
    call.attempts[-1].error = error.code
    call.transcript.clear()
    return error
