"""A deadline bounds everything: the wait for an answer, retries, backoff, and the stream as a whole."""

import pytest

from tests.conftest import StartGateway
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.reliability import DOWN, causes, chunks_of, model, refusal, told
from tests.upstream import Hang, Upstream, event_stream, json_answer


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_the_wait_for_the_first_byte_ends(start_gateway: StartGateway, upstream: Upstream, stream: bool) -> None:
    case = upstream.on([Hang()])
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m", stream=stream), x_isthmus_timeout="0.2")
    assert (answer.status, answer.error["code"], answer.error["type"]) == (504, "deadline_exceeded", "timeout_error")
    assert [(each.status, each.error) for each in told(answer)] == [("499", "deadline_exceeded")]
    case.request().closed_at()


def test_a_stream_ends_with_an_error_event(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, Hang()))
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m", stream=True), x_isthmus_timeout="0.2")
    *_, last = chunks_of(answer.body)
    assert answer.status == 200
    assert last["error"]["code"] == "deadline_exceeded"
    assert last["error"]["sent"]["characters"] == 1
    case.request().closed_at()


@pytest.mark.parametrize(("configured", "asked"), [(0.2, "60"), (60, "0.2"), (0.2, "")])
def test_the_smaller_of_the_two_counts(
    start_gateway: StartGateway, upstream: Upstream, configured: float, asked: str
) -> None:
    case = upstream.on([Hang()])
    port = start_gateway(models={"m": model(case, timeout=configured)}).port
    assert ask(port, chat("m"), x_isthmus_timeout=asked).error["code"] == "deadline_exceeded"


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1e3", "nan", "86401", "1.2.3"])
def test_a_timeout_that_is_none_is_refused(start_gateway: StartGateway, upstream: Upstream, value: str) -> None:
    case = upstream.on(json_answer(DOWN))
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m"), x_isthmus_timeout=value)
    assert (answer.status, answer.error["code"], len(case.requests)) == (400, "invalid_header", 0)


def test_nobody_waits_longer_than_the_deadline_to_ask_again(start_gateway: StartGateway, upstream: Upstream) -> None:
    busy = upstream.on(refusal(429, None, ("retry-after", "5")))
    good = upstream.on(json_answer(DOWN, status=200))
    retry = {"backoff": 0.001, "backoff_most": 60}
    port = start_gateway(models={"m": model(busy, good, retry=retry)}).port
    answer = ask(port, chat("m"), x_isthmus_timeout="3")
    assert causes(answer)[:2] == ["first", "fallback"]


def test_retries_are_bounded_as_a_whole(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    settings = {"timeouts": {"first_byte": 0.2}}
    models = {"m": model(case, retry={"attempts": 10, "backoff": 0.001, "budget": 1})}
    answer = ask(start_gateway(provider=settings, models=models).port, chat("m"), x_isthmus_timeout="1")
    assert answer.error["code"] == "deadline_exceeded"
    assert 2 <= len(answer.error["attempts"]) <= 6


def test_a_call_within_its_deadline_is_answered(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, b"data: [DONE]\n\n"))
    with RawClient(start_gateway(models={"m": model(case, timeout=30)}).port) as client:
        for _ in range(3):
            client.post(chat("m", stream=True), x_isthmus_timeout="20")
            assert client.answer().body.endswith(b"[DONE]\n\n")
