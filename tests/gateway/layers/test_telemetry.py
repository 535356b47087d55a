"""What the sinks are told."""

import pytest

from adapters.wire.errors import GatewayError, UnknownModel, UpstreamError
from gateway.call import Call, Reply
from gateway.layers.telemetry import Telemetry
from gateway.observe.trace import Tracer
from tests.gateway.calls import a_call


async def test_sinks_are_told_once_when_the_call_closes() -> None:
    async def answer(call: Call) -> Reply:
        return Reply(200, [])

    told: list[Call] = []
    call = a_call()
    await Telemetry(answer, (told.append, told.append), Tracer())(call)
    assert told == []
    call.close()
    assert told == [call, call]
    assert call.ended >= call.received


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnknownModel("x"), "model_not_found"), (GatewayError("x"), "server_error"), (UpstreamError("x", code="c"), "c")],
)
async def test_an_error_is_noted_by_its_code_and_raised(error: GatewayError, code: str) -> None:
    async def fail(call: Call) -> Reply:
        raise error

    told: list[str | None] = []
    call = a_call()
    with pytest.raises(type(error)):
        await Telemetry(fail, (lambda one: told.append(one.error),), Tracer())(call)
    call.close()
    assert told == [code]


async def test_what_other_layers_tell_is_in_an_answer_and_in_an_error() -> None:
    header = (b"x-ratelimit-limit-requests", b"2")

    async def answer(call: Call) -> Reply:
        call.told = [header]
        return Reply(200, [(b"x-request-id", b"1")])

    async def fail(call: Call) -> Reply:
        call.told = [header]
        raise GatewayError("x", headers=((b"x-request-id", b"1"),))

    reply = await Telemetry(answer, (), Tracer())(a_call())
    assert reply.headers == [(b"x-request-id", b"1"), header]
    with pytest.raises(GatewayError) as caught:
        await Telemetry(fail, (), Tracer())(a_call())
    assert caught.value.headers == ((b"x-request-id", b"1"), header)
