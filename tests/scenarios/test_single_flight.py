"""Identical calls under way share one upstream call, whoever leaves and whatever fails."""

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, chat
from tests.scenarios.scrape import Scrape
from tests.services.redis import wait_for
from tests.upstream import Case, Gate, Hang, Reset, Upstream, event_stream, frame, json_answer
from tests.upstream.script import Step
from tests.upstream.server import Request

MANY = 50
WHOLE = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def piece(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return frame({"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


DONE = frame("[DONE]")


class Shared:
    """A gateway whose model `shared` is cached, in front of one case of the upstream."""

    def __init__(self, start: StartGateway, upstream: Upstream) -> None:
        self._start = start
        self._upstream = upstream

    def __call__(self, script: "Case", **fields: object) -> GatewayProcess:
        deployments = [{"provider": "scripted", "model": script.name}]
        return self._start(models={"shared": {"deployments": deployments, "retry": {"attempts": 1}, "cache": fields}})


@pytest.fixture
def shared(start_gateway: StartGateway, upstream: Upstream) -> Shared:
    return Shared(start_gateway, upstream)


def askers(gateway: GatewayProcess, count: int, stream: bool = False) -> list[RawClient]:
    """The first has reached the upstream when the others come."""
    clients = [RawClient(gateway.port) for _ in range(count)]
    for client in clients:
        client.post(chat("shared", stream=stream))
    return clients


def await_joined(gateway: GatewayProcess, count: int) -> None:
    """Wait until so many share another's call."""
    wait_for(lambda: Scrape(gateway).sum("single_flight_total", event="joined") == count)


def in_flight(gateway: GatewayProcess) -> float:
    return Scrape(gateway).sum("requests_in_flight")


def test_fifty_identical_calls_are_one_upstream_request(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer(WHOLE)])
    gateway = shared(case)
    clients = askers(gateway, MANY)
    await_joined(gateway, MANY - 1)
    gate.open()
    answers = [client.answer() for client in clients]
    assert len(case.requests) == 1
    assert {answer.body for answer in answers} == {answers[0].body}
    assert sorted(str(answer.header("x-isthmus-cache")) for answer in answers) == ["joined"] * (MANY - 1) + ["miss"]
    assert len({answer.header("x-request-id") for answer in answers}) == MANY


def test_fifty_identical_streams_are_one_upstream_request(shared: Shared, upstream: Upstream) -> None:
    begun, ended = Gate(), Gate()
    case = upstream.on(event_stream(piece("a"), begun, piece("b"), ended, piece("c", "stop"), DONE))
    gateway = shared(case)
    first = askers(gateway, MANY // 2, stream=True)
    begun.await_reached()
    begun.open()
    ended.await_reached()
    late = askers(gateway, MANY // 2, stream=True)
    await_joined(gateway, MANY - 1)
    ended.open()
    bodies = {client.answer().body for client in first + late}
    assert len(case.requests) == 1
    assert bodies == {piece("a") + piece("b") + piece("c", "stop") + DONE}


def test_a_stream_and_a_whole_answer_are_two_calls(shared: Shared, upstream: Upstream) -> None:
    def answer(request: Request) -> tuple[Step, ...]:
        return (gate, *(event_stream(piece("a", "stop"), DONE) if request.json.get("stream") else json_answer(WHOLE)))

    gate = Gate()
    case = upstream.on(answer)
    gateway = shared(case)
    clients = [*askers(gateway, 1), *askers(gateway, 1, stream=True)]
    case.request()
    case.request()
    gate.open()
    assert [client.answer().status for client in clients] == [200, 200]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_the_first_leaves_and_the_call_goes_on(shared: Shared, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    case = upstream.on(event_stream(piece("a"), gate, DONE) if stream else [gate, *json_answer(WHOLE)])
    gateway = shared(case)
    (first,) = askers(gateway, 1, stream)
    gate.await_reached()
    (second,) = askers(gateway, 1, stream)
    await_joined(gateway, 1)
    first.socket.close()
    wait_for(lambda: in_flight(gateway) == 1)
    gate.open()
    assert second.answer().status == 200
    assert len(case.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_the_last_leaves_and_the_upstream_call_ends(shared: Shared, upstream: Upstream, stream: bool) -> None:
    case = upstream.on(event_stream(piece("a"), gate := Gate(), Hang()) if stream else [gate := Gate(), Hang()])
    gateway = shared(case)
    clients = askers(gateway, 3, stream)
    gate.await_reached()
    await_joined(gateway, 2)
    for client in clients:
        assert not case.requests[0].is_closed
        client.socket.close()
    case.requests[0].closed_at()


def test_the_first_fails_and_one_other_takes_over(shared: Shared, upstream: Upstream) -> None:
    gates = [Gate(), Gate()]
    answers = [json_answer({"error": {"message": "no"}}, status=500), json_answer(WHOLE)]
    case = upstream.on(lambda _: (gates[len(case.requests) - 1], *answers[len(case.requests) - 1]))
    gateway = shared(case)
    clients = askers(gateway, 10)
    await_joined(gateway, 9)
    gates[0].open()
    gates[1].await_reached()
    gates[1].open()
    assert sorted(client.answer().status for client in clients) == [200] * 9 + [500]
    assert len(case.requests) == 2


def test_nobody_takes_over_twice(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({"error": {"message": "no"}}, status=500)])
    gateway = shared(case)
    clients = askers(gateway, 10)
    await_joined(gateway, 9)
    gate.open()
    assert {client.answer().status for client in clients} == {500}
    assert len(case.requests) == 2


def test_a_request_that_is_wrong_is_wrong_for_all(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({"error": {"message": "no"}}, status=400)])
    gateway = shared(case)
    clients = askers(gateway, 5)
    await_joined(gateway, 4)
    gate.open()
    assert {client.answer().status for client in clients} == {400}
    assert len(case.requests) == 1


def test_a_stream_that_breaks_ends_for_all_with_an_error_event(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on(event_stream(piece("a"), gate := Gate(), Reset()))
    gateway = shared(case)
    clients = askers(gateway, 5, stream=True)
    gate.await_reached()
    await_joined(gateway, 4)
    gate.open()
    for client in clients:
        body = client.answer().body
        assert body.startswith(piece("a"))
        assert b'"error"' in body
    assert len(case.requests) == 1


def test_a_slow_reader_slows_nobody_and_is_left_behind(shared: Shared, upstream: Upstream) -> None:
    big = piece("x" * 60_000)
    case = upstream.on(event_stream(piece("a"), gate := Gate(), *[big] * 200, piece("z", "stop"), DONE))
    gateway = shared(case)
    with RawClient(gateway.port, receive_buffer=4_096) as slow, RawClient(gateway.port) as fast:
        slow.post(chat("shared", stream=True))
        gate.await_reached()
        fast.post(chat("shared", stream=True))
        await_joined(gateway, 1)
        gate.open()
        assert fast.answer().body.endswith(piece("z", "stop") + DONE)
        left = slow.answer().body
    assert left.startswith(piece("a") + big)
    assert b"read_too_slowly" in left
    assert len(case.requests) == 1


def test_who_wants_a_new_answer_shares_none(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer(WHOLE)])
    gateway = shared(case)
    clients = [RawClient(gateway.port) for _ in range(2)]
    for client in clients:
        client.post(chat("shared"), cache_control="no-cache")
    case.request()
    case.request()
    gate.open()
    assert [client.answer().header("x-isthmus-cache") for client in clients] == ["bypass"] * 2


def test_a_route_that_does_not_want_it_shares_none(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer(WHOLE)])
    gateway = shared(case, single_flight=False)
    clients = askers(gateway, 2)
    case.request()
    case.request()
    gate.open()
    assert [client.answer().status for client in clients] == [200, 200]


def test_a_follower_whose_time_is_over_leaves_the_others_alone(shared: Shared, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer(WHOLE)])
    gateway = shared(case)
    (first,) = askers(gateway, 1)
    gate.await_reached()
    with RawClient(gateway.port) as hurried:
        hurried.post(chat("shared"), x_isthmus_timeout="0.2")
        assert hurried.answer().error["code"] == "deadline_exceeded"
    gate.open()
    assert first.answer().status == 200
    assert len(case.requests) == 1
