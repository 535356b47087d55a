"""Fallback: to the next target after a fault that is not the client's, to nobody after one that is."""

from typing import cast

import pytest

from adapters.inference.contract import NoOptions, Target
from adapters.wire.errors import (
    GatewayError,
    Overloaded,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from config.routing import Deployment, Model, Retry
from config.schema import Config, Provider
from gateway.call import Call, Cause, Handler, Reply
from gateway.dispatch import Dispatch
from gateway.observe.counters import Counters
from gateway.routing.router import Router
from gateway.routing.routes import Routes
from tests.gateway.calls import a_call
from tests.gateway.routing.in_order import InOrder

NAMES = ("one", "two", "three")
CONFIG = Config(
    providers={name: Provider(base_url=f"http://{name}/v1") for name in NAMES},
    models={
        "m": Model(deployments=[Deployment(provider=name, model="x") for name in NAMES], retry=Retry(attempts=1)),
        "single": Model(deployments=[Deployment(provider="one", model="x")], retry=Retry(attempts=1)),
    },
)


class Attempts:
    """Fails as it is told, target by target, then answers."""

    def __init__(self, *errors: GatewayError) -> None:
        self._errors = list(errors)
        self.asked: list[str] = []
        self.causes: list[Cause] = []

    async def attempt(self, call: Call, target: Target, cause: Cause) -> Reply:
        self.asked.append(target.provider)
        self.causes.append(cause)
        if self._errors:
            raise self._errors.pop(0)
        return Reply(200, [])


def router(attempts: Attempts) -> Handler:
    """A router over these attempts, with the route of the call found."""
    routes = Routes(CONFIG, lambda name: NoOptions())
    routed = Router(cast(Dispatch, attempts), InOrder(), Counters())

    async def answer(call: Call) -> Reply:
        call.route = routes.find(call.body.model)
        return await routed(call)

    return answer


async def test_the_first_target_that_answers_is_the_last_that_is_asked() -> None:
    attempts = Attempts()
    assert (await router(attempts)(a_call())).status == 200
    assert attempts.asked == ["one"]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnreachable("x"),
        UpstreamTimeout("x"),
        Overloaded("x"),
        UpstreamError("x", status=429),
        UpstreamError("x", status=500),
        UpstreamError("x", status=529),
    ],
)
async def test_a_fault_that_may_be_anothers_goes_to_the_next(error: GatewayError) -> None:
    attempts = Attempts(error)
    assert (await router(attempts)(a_call())).status == 200
    assert attempts.asked == ["one", "two"]


@pytest.mark.parametrize("error", [UpstreamError("x", status=400), GatewayError("x")])
async def test_a_fault_that_the_next_would_find_too_is_told_at_once(error: GatewayError) -> None:
    attempts = Attempts(error)
    with pytest.raises(GatewayError) as caught:
        await router(attempts)(a_call())
    assert caught.value is error
    assert attempts.asked == ["one"]


async def test_the_last_error_is_told_when_nobody_answers() -> None:
    attempts = Attempts(UpstreamTimeout("1"), UpstreamTimeout("2"), UpstreamError("3", status=503))
    with pytest.raises(UpstreamError, match="3"):
        await router(attempts)(a_call())
    assert attempts.asked == ["one", "two", "three"]


async def test_a_single_target_is_asked_once() -> None:
    attempts = Attempts(UpstreamTimeout("1"))
    with pytest.raises(UpstreamTimeout):
        await router(attempts)(a_call(model="single"))
    assert attempts.asked == ["one"]
