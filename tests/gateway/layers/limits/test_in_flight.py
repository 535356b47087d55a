"""Room for so many requests, and for no more."""

import pytest

from adapters.wire.errors import BadRequest, Overloaded
from gateway.call import Call, Reply
from gateway.layers.limits.in_flight import InFlightLimit
from gateway.state.in_flight import InFlight
from tests.gateway.calls import a_call


async def answer(call: Call) -> Reply:
    return Reply(200, [])


async def test_over_the_limit_a_call_is_refused_until_one_has_closed() -> None:
    limits = InFlightLimit(answer, InFlight(), 2)
    first, second = a_call(), a_call()
    await limits(first)
    await limits(second)
    with pytest.raises(Overloaded) as caught:
        await limits(a_call())
    assert caught.value.retry_after == 1
    assert "server.limits.concurrent_requests" in caught.value.message
    first.close()
    assert (await limits(a_call())).status == 200


async def test_a_call_counts_until_its_answer_has_left() -> None:
    in_flight = InFlight()
    call = a_call()
    await InFlightLimit(answer, in_flight, 1)(call)
    assert in_flight.total() == 1
    call.close()
    assert in_flight.total() == 0


async def test_a_call_that_fails_gives_its_place_back() -> None:
    async def fail(call: Call) -> Reply:
        raise BadRequest("no")

    in_flight = InFlight()
    call = a_call()
    with pytest.raises(BadRequest):
        await InFlightLimit(fail, in_flight, 1)(call)
    call.close()
    assert in_flight.total() == 0


async def test_a_refused_call_takes_no_place() -> None:
    in_flight = InFlight()
    limits = InFlightLimit(answer, in_flight, 1)
    await limits(a_call())
    refused = a_call()
    with pytest.raises(Overloaded):
        await limits(refused)
    refused.close()
    assert in_flight.total() == 1
