"""Names with several deployments: the first that answers, the next after a fault that is not the client's."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.conftest import StartGateway
from tests.scenarios.raw import Answer, ask, chat
from tests.upstream import Case, Cut, Step, Upstream, event_stream, frame, json_answer

Ask: TypeAlias = Callable[[Case, bool], Answer]

SECOND = {"id": "second"}
ERROR = {"error": {"message": "Down.", "type": "server_error"}}
FAULTS: dict[str, tuple[Step, ...]] = {
    "500": tuple(json_answer(ERROR, status=500)),
    "429": tuple(json_answer(ERROR, status=429)),
    "closed": (Cut(),),
    "no JSON": tuple(json_answer([])),
}


@pytest.fixture
def ask_first(start_gateway: StartGateway, upstream: Upstream) -> Ask:
    """Asks for a name that one case serves first, and then another that answers well."""

    def run(first: Case, stream: bool) -> Answer:
        good = upstream.on(event_stream(frame("[DONE]")) if stream else json_answer(SECOND))
        deployments = [{"provider": "scripted", "model": case.name} for case in (first, good)]
        gateway = start_gateway(models={"both": {"deployments": deployments, "retry": {"attempts": 1}}})
        answer = ask(gateway.port, chat("both", stream=stream))
        assert ask(gateway.port, chat("both", stream=stream)).status == answer.status
        return answer

    return run


@pytest.mark.parametrize("steps", FAULTS.values(), ids=FAULTS.keys())
def test_the_next_answers_after_a_fault(ask_first: Ask, upstream: Upstream, steps: tuple[Step, ...]) -> None:
    answer = ask_first(upstream.on(steps), False)
    assert answer.status == 200
    assert answer.json == SECOND


def test_the_next_answers_after_an_error_in_the_first_frame(ask_first: Ask, upstream: Upstream) -> None:
    answer = ask_first(upstream.on(event_stream(frame(ERROR))), True)
    assert answer.status == 200
    assert answer.body == frame("[DONE]")


def test_the_clients_own_fault_is_told_at_once(ask_first: Ask, upstream: Upstream) -> None:
    answer = ask_first(upstream.on(json_answer(ERROR, status=400)), False)
    assert answer.status == 400


def test_a_stream_that_has_begun_is_not_begun_again(ask_first: Ask, upstream: Upstream) -> None:
    piece = frame({"choices": [{"index": 0, "delta": {"content": "a"}}]})
    answer = ask_first(upstream.on(event_stream(piece, frame(ERROR))), True)
    assert answer.body.startswith(piece)
    assert b"Down." in answer.body


def test_when_none_answers_the_last_ones_error_is_told(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = [upstream.on(json_answer({"error": {"message": f"Down {n}."}}, status=503)) for n in (1, 2)]
    deployments = [{"provider": "scripted", "model": case.name} for case in cases]
    gateway = start_gateway(models={"both": {"deployments": deployments, "retry": {"attempts": 1}}})
    answer = ask(gateway.port, chat("both"))
    assert answer.status == 503
    assert answer.error["message"].startswith("Down 2. Tried: scripted/")
    assert answer.header("x-isthmus-model") == cases[1].name
