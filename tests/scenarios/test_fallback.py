"""Fallback: another deployment answers, in whatever dialect it speaks, until the first content is out."""

from typing import Any

import pytest

from tests.clients.dialects import DIALECTS, Dialect
from tests.conftest import StartGateway
from tests.scenarios.raw import Answer, ask, chat
from tests.scenarios.reliability import (
    DONE,
    DOWN,
    WHOLE,
    causes,
    chunks_of,
    delta,
    model,
    refusal,
    text_of,
    told,
)
from tests.upstream import Case, Cut, Reset, Step, Upstream, event_stream, frame, json_answer

ROLE = frame({"id": "one", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
GOOD = json_answer(WHOLE)
FILTERED = {
    "id": "filtered",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}],
}
STREAM = event_stream(delta("Well."), delta(finish="stop"), DONE)


def ask_both(start_gateway: StartGateway, *cases: Case | str, stream: bool = False, **settings: Any) -> Answer:
    gateway = start_gateway(models={"m": model(*cases, **settings)})
    return ask(gateway.port, chat("m", stream=stream))


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_deployment_of_another_dialect_answers(
    start_gateway: StartGateway, upstream: Upstream, dialect: Dialect
) -> None:
    down = upstream.on(json_answer(DOWN, status=500))
    root = upstream.base_url.removesuffix("/v1")
    deployments = [
        {"provider": "scripted", "model": down.name},
        {"provider": dialect.name, "model": f"{dialect.family}talker"},
    ]
    gateway = start_gateway(
        providers={
            "scripted": {"base_url": upstream.base_url},
            dialect.name: dialect.settings(f"{root}/{dialect.name}"),
        },
        models={"m": {"deployments": deployments, "retry": {"attempts": 1}}},
    )
    for stream in (False, True):
        answer = ask(gateway.port, chat("m", stream=stream, max_tokens=50))
        assert (answer.status, causes(answer)) == (200, ["first", "fallback"]), answer.body
        said = text_of(answer) if stream else answer.json["choices"][0]["message"]["content"]
        assert said == "You said: Hello there"


@pytest.mark.parametrize(
    "death",
    [
        pytest.param((ROLE, Cut()), id="cut"),
        pytest.param((ROLE, Reset()), id="reset"),
        pytest.param((ROLE, frame(DOWN)), id="an error"),
        pytest.param((ROLE,), id="an end"),
        pytest.param((b": waiting\n\n", ROLE, Cut()), id="after a comment"),
        pytest.param((), id="an end at once"),
    ],
)
def test_a_stream_that_dies_before_its_first_content(
    start_gateway: StartGateway, upstream: Upstream, death: tuple[bytes | Step, ...]
) -> None:
    answer = ask_both(start_gateway, upstream.on(event_stream(*death)), upstream.on(STREAM), stream=True)
    assert answer.status == 200
    assert causes(answer) == ["first", "retry", "fallback"]
    assert answer.body == delta("Well.") + delta(finish="stop") + DONE


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(delta("a"), id="content"),
        pytest.param(delta(reasoning_content="hm"), id="reasoning"),
        pytest.param(delta(refusal="no"), id="a refusal"),
        pytest.param(
            delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]), id="a tool call"
        ),
        pytest.param(delta(finish="stop"), id="a finish reason"),
    ],
)
def test_a_stream_that_has_begun_is_not_begun_again(
    start_gateway: StartGateway, upstream: Upstream, first: bytes
) -> None:
    answer = ask_both(start_gateway, upstream.on(event_stream(ROLE, first, Cut())), upstream.on(STREAM), stream=True)
    assert answer.body.startswith(ROLE + first)
    assert "error" in chunks_of(answer.body)[-1]


def test_what_comes_before_the_first_content_is_held_up_to_a_bound(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    much = b": waiting\n\n" * 7_000
    answer = ask_both(start_gateway, upstream.on(event_stream(much, Cut())), upstream.on(STREAM), stream=True)
    assert answer.body.startswith(much)
    assert "error" in chunks_of(answer.body)[-1]


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (refusal(400, "context_length_exceeded"), "context_length"),
        (refusal(413), "context_length"),
        (refusal(400, "content_filter"), "content_filter"),
        (refusal(400, "content_policy_violation"), "content_filter"),
        (refusal(401, "invalid_api_key"), "authentication"),
        (refusal(403), "authentication"),
        (refusal(404, "model_not_found"), "not_found"),
    ],
)
def test_refusals_lead_on_where_the_route_says_so(
    start_gateway: StartGateway, upstream: Upstream, refused: tuple[Step, ...], kind: str
) -> None:
    case, good = upstream.on(refused), upstream.on(GOOD)
    gateway = start_gateway(models={"on": model(case, good, fallback_on=[kind]), "off": model(case, good)})
    on, off = ask(gateway.port, chat("on")), ask(gateway.port, chat("off"))
    assert (on.status, causes(on)) == (200, ["first", "fallback"])
    assert [(each.cause, each.status) for each in told(off)] == [("first", str(off.status))]
    assert off.status >= 400


def test_other_refusals_do_not_lead_on(start_gateway: StartGateway, upstream: Upstream) -> None:
    kinds = ["context_length", "content_filter", "authentication", "not_found"]
    case = upstream.on(refusal(400, "made_up"))
    assert ask_both(start_gateway, case, upstream.on(GOOD), fallback_on=kinds).status == 400


def test_an_answer_that_a_filter_took_is_a_refusal(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer(FILTERED))
    answer = ask_both(start_gateway, case, upstream.on(GOOD), fallback_on=["content_filter"])
    assert (answer.json["id"], [each.error for each in told(answer)]) == ("whole", ["content_filter", None])


def test_a_stream_that_a_filter_took_is_a_refusal(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(ROLE, delta(finish="content_filter"), DONE))
    answer = ask_both(start_gateway, case, upstream.on(STREAM), stream=True, fallback_on=["content_filter"])
    assert (text_of(answer), causes(answer)) == ("Well.", ["first", "fallback"])


def test_an_answer_that_a_filter_took_is_the_clients_elsewhere(start_gateway: StartGateway, upstream: Upstream) -> None:
    answer = ask_both(start_gateway, upstream.on(json_answer(FILTERED)), upstream.on(GOOD))
    assert answer.json == FILTERED


def test_what_one_target_can_not_express_another_may(start_gateway: StartGateway, upstream: Upstream) -> None:
    good = upstream.on(GOOD)
    first = {"base_url": upstream.base_url, "unsupported": ["seed"], "on_unsupported": "refuse"}
    deployments = [{"provider": "strict", "model": "never"}, {"provider": "scripted", "model": good.name}]
    gateway = start_gateway(
        providers={"scripted": {"base_url": upstream.base_url}, "strict": first},
        models={"m": {"deployments": deployments}, "never": {"deployments": deployments[:1]}},
    )
    answer = ask(gateway.port, chat("m", seed=1))
    assert (answer.status, causes(answer)) == (200, ["fallback"])
    assert ask(gateway.port, chat("never", seed=1)).error["code"] == "unsupported_parameter"


@pytest.mark.parametrize("statuses", [(503, 400), (400, 503)], ids=["refused last", "refused first"])
def test_the_error_is_the_one_that_tells_most(
    start_gateway: StartGateway, upstream: Upstream, statuses: tuple[int, int]
) -> None:
    answers = {503: json_answer(DOWN, status=503), 400: refusal(400, "context_length_exceeded")}
    cases = [upstream.on(answers[status]) for status in statuses]
    answer = ask_both(start_gateway, *cases, fallback_on=["context_length"])
    assert answer.status == 503
    assert len(answer.error["attempts"]) == 3


def test_messages_clients_are_told_of_attempts_too(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer(DOWN, status=500))
    port = start_gateway(models={"m": model(case)}).port
    answer = ask(port, chat("m", max_tokens=9), "/v1/messages")
    assert answer.json["type"] == "error"
    assert len(answer.json["error"]["details"]["attempts"]) == 2
