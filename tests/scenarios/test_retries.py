"""Retries: of what may pass only, after a wait, as long as the provider asks, up to a share of the traffic."""

import time
from email.utils import formatdate

import pytest

from tests.conftest import StartGateway
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.reliability import DOWN, NO_WAIT, WHOLE, causes, in_turn, model, refusal, told
from tests.upstream import Case, Cut, Upstream, json_answer

GOOD = json_answer(WHOLE)


@pytest.mark.parametrize(
    "fault",
    [refusal(408), refusal(409), refusal(429), refusal(500), refusal(503), (Cut(),)],
    ids=["408", "409", "429", "500", "503", "cut"],
)
def test_what_may_pass_is_asked_again(start_gateway: StartGateway, upstream: Upstream, fault: tuple[Cut, ...]) -> None:
    case = in_turn(upstream, fault, GOOD)
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m"))
    assert (answer.status, causes(answer)) == (200, ["first", "retry"])
    assert len(case.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_the_provider_refuses_is_not_asked_again(
    start_gateway: StartGateway, upstream: Upstream, status: int
) -> None:
    case = in_turn(upstream, refusal(status), GOOD)
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m"))
    assert (answer.status, causes(answer), len(case.requests)) == (status, ["first"], 1)


def test_an_account_without_money_is_not_asked_again(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = in_turn(upstream, refusal(429, "insufficient_quota"), GOOD)
    assert ask(start_gateway(models={"m": model(case)}).port, chat("m")).status == 429


def test_a_target_is_tried_as_often_as_configured(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer(DOWN, status=500))
    answer = ask(start_gateway(models={"m": model(case, retry=NO_WAIT | {"attempts": 4})}).port, chat("m"))
    assert causes(answer) == ["first", "retry", "retry", "retry"]
    assert answer.error["message"].startswith("Down. Tried: ")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([("retry-after", "1")], id="seconds"),
        pytest.param([("retry-after-ms", "600")], id="milliseconds"),
        pytest.param([("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "700ms")], id="limits reset"),
        pytest.param(
            [("date", formatdate(0, usegmt=True)), ("anthropic-ratelimit-tokens-reset", "1970-01-01T00:00:01Z")],
            id="limits reset at a time",
        ),
    ],
)
def test_the_wait_that_a_provider_asks_for_is_kept(
    start_gateway: StartGateway, upstream: Upstream, asked: list[tuple[str, str]]
) -> None:
    times: list[float] = []
    answers = [refusal(429, None, *asked), GOOD]

    def script(_: object) -> tuple[object, ...]:
        times.append(time.monotonic())
        return tuple(answers.pop(0))

    case = upstream.on(script)  # type: ignore[arg-type]
    retry = {"backoff": 0.001, "backoff_most": 3}
    assert ask(start_gateway(models={"m": model(case, retry=retry)}).port, chat("m")).status == 200
    assert times[1] - times[0] >= 0.6


def test_a_longer_wait_than_allowed_goes_to_the_next_at_once(start_gateway: StartGateway, upstream: Upstream) -> None:
    busy, good = upstream.on(refusal(429, None, ("retry-after", "30"))), upstream.on(GOOD)
    answer = ask(start_gateway(models={"m": model(busy, good)}).port, chat("m"))
    assert (answer.status, causes(answer), len(busy.requests)) == (200, ["first", "fallback"], 1)


def test_when_all_ask_to_wait_the_shortest_wait_is_told(start_gateway: StartGateway, upstream: Upstream) -> None:
    cases = [upstream.on(refusal(429, None, ("retry-after", wait))) for wait in ("30", "20", "40")]
    answer = ask(start_gateway(models={"m": model(*cases)}).port, chat("m"))
    assert (answer.status, answer.header("retry-after")) == (429, "20")


def test_an_outage_is_not_multiplied(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer(DOWN, status=500))
    port = start_gateway(models={"m": model(case, retry=NO_WAIT | {"attempts": 5, "budget": 0.1})}).port
    for _ in range(40):
        assert ask(port, chat("m")).status == 500
    assert len(case.requests) == 40 + 10 + 4


def test_a_client_that_leaves_during_backoff_is_not_asked_for_again(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    case = upstream.on(json_answer(DOWN, status=500))
    retry = {"backoff": 8, "backoff_most": 8}
    port = start_gateway(models={"m": model(case, retry=retry | {"attempts": 2})}).port
    with RawClient(port) as client:
        client.post(chat("m"))
        case.request()
    assert ask(port, chat("scripted/talker")).status == 404
    assert len(case.requests) == 1


def test_every_attempt_is_listed_in_the_error(start_gateway: StartGateway, upstream: Upstream) -> None:
    down: Case = upstream.on(json_answer(DOWN, status=500))
    busy = upstream.on(refusal(429, "slow_down"))
    answer = ask(start_gateway(models={"m": model(down, busy)}).port, chat("m"))
    names = [f"scripted/{case.name}" for case in (down, down, busy, busy)]
    assert [each.target for each in told(answer)] == names
    listed = answer.error["attempts"]
    assert [(each["cause"], each["status"], each["code"]) for each in listed] == [
        ("first", 500, "down"),
        ("retry", 500, "down"),
        ("fallback", 429, "slow_down"),
        ("retry", 429, "slow_down"),
    ]
    assert all(name in answer.error["message"] for name in names)


def test_one_attempt_that_fails_is_listed_and_its_error_stays_as_it_came(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    case = upstream.on(json_answer(DOWN, status=400))
    answer = ask(start_gateway(models={"m": model(case)}).port, chat("m"))
    assert (answer.json, causes(answer)) == (DOWN, ["first"])


def test_an_answer_at_the_first_attempt_lists_nothing(start_gateway: StartGateway, upstream: Upstream) -> None:
    answer = ask(start_gateway(models={"m": model(upstream.on(GOOD))}).port, chat("m"))
    assert answer.header("x-isthmus-attempts") is None
