"""Headers of answers and of what is sent on."""

import re

import pytest

from tests.conftest import UPSTREAM_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, ask, chat
from tests.upstream import Upstream, event_stream, frame, json_answer

GENERATED = re.compile(r"req_[0-9a-f]{32}")


def test_the_clients_request_id_is_kept_and_sent_on(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    answer = ask(gateway.port, chat(case.model), x_request_id="trace-42/a:b")
    assert answer.header("x-request-id") == "trace-42/a:b"
    assert case.request().header("x-request-id") == "trace-42/a:b"


@pytest.mark.parametrize("given", ["", "x" * 129, "with space", 'quote"', "<script>", "café"])
def test_an_id_that_is_no_word_is_replaced(gateway: GatewayProcess, upstream: Upstream, given: str) -> None:
    case = upstream.on(json_answer({}))
    answer = ask(gateway.port, chat(case.model), x_request_id=given)
    assert GENERATED.fullmatch(answer.header("x-request-id") or "")
    assert case.request().header("x-request-id") == answer.header("x-request-id")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/nowhere", "/v1/models", "/v1/models/scripted/talker"])
@pytest.mark.parametrize("key", ["", "Bearer wrong-key-000000"])
def test_every_answer_has_a_request_id(gateway: GatewayProcess, path: str, key: str) -> None:
    answer = ask(gateway.port, b"{", path, authorization=key)
    assert GENERATED.fullmatch(answer.header("x-request-id") or "")


def test_every_error_keeps_the_clients_request_id(gateway: GatewayProcess) -> None:
    for path in ("/v1/chat/completions", "/v1/nowhere", "/v1/models"):
        assert ask(gateway.port, b"{", path, x_request_id="mine-1").header("x-request-id") == "mine-1"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_answers_say_who_gave_them(gateway: GatewayProcess, upstream: Upstream, stream: bool) -> None:
    case = upstream.on(event_stream(frame("[DONE]")) if stream else json_answer({}))
    answer = ask(gateway.port, chat(case.model, stream=stream))
    assert answer.header("x-isthmus-provider") == "scripted"
    assert answer.header("x-isthmus-model") == case.name


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_the_upstreams_limits_are_told_and_nothing_else_of_it(
    gateway: GatewayProcess, upstream: Upstream, stream: bool
) -> None:
    told = [("x-ratelimit-remaining-tokens", "149"), ("openai-processing-ms", "12"), ("x-request-id", "theirs")]
    private = [("server", "secret-server"), ("set-cookie", "a=b"), ("x-internal-host", "10.0.0.7"), ("via", "proxy")]
    headers = [*told, *private]
    steps = event_stream(frame("[DONE]"), headers=headers) if stream else json_answer({}, *headers)
    answer = ask(gateway.port, chat(upstream.on(steps).model, stream=stream), x_request_id="mine-2")
    assert answer.header("x-ratelimit-remaining-tokens") == "149"
    assert answer.header("openai-processing-ms") == "12"
    assert answer.header("x-isthmus-upstream-request-id") == "theirs"
    assert answer.header("x-request-id") == "mine-2"
    assert not [name for name, _ in private if answer.header(name) is not None]


def test_what_is_sent_on_is_our_own_head(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    ask(gateway.port, chat(case.model), cookie="a=b", x_custom="1", user_agent="me", x_forwarded_for="1.2.3.4")
    names = [name for name, _ in case.request().headers]
    assert sorted(names) == ["authorization", "content-length", "content-type", "host", "x-request-id"]


def test_the_providers_key_replaces_the_clients(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    ask(gateway.port, chat(case.model))
    assert case.request().header("authorization") == f"Bearer {UPSTREAM_KEY}"


def test_configured_headers_are_sent_and_listed_ones_forwarded(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(
        provider={
            "headers": {"X-Team": "blue"},
            "forward_headers": ["x-trace"],
            "auth": "header:X-Key",
            "api_key": "k1",
        }
    )
    ask(gateway.port, chat(case.model), x_trace="t-1", x_other="no")
    request = case.request()
    assert request.header("x-team") == "blue"
    assert request.header("x-trace") == "t-1"
    assert request.header("x-key") == "k1"
    assert request.header("authorization") is None
    assert request.header("x-other") is None


def test_a_dropped_parameter_is_named(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(provider={"unsupported": ["logprobs", "seed"]})
    answer = ask(gateway.port, chat(case.model, seed=1, n=1))
    assert answer.header("x-isthmus-dropped") == "seed=unsupported"
    assert "seed" not in case.request().json


@pytest.mark.parametrize(("written", "said", "status"), [("report", "refuse", 400), ("refuse", "report", 200)])
def test_a_client_says_what_becomes_of_what_can_not_be_expressed(
    start_gateway: StartGateway, upstream: Upstream, written: str, said: str, status: int
) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(provider={"unsupported": ["seed"], "on_unsupported": written})
    answer = ask(gateway.port, chat(case.model, seed=1), x_isthmus_unsupported=said)
    assert answer.status == status


def test_another_word_than_report_or_refuse_is_refused(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = ask(gateway.port, chat(upstream.on(json_answer({})).model), x_isthmus_unsupported="ignore")
    assert answer.status == 400
    assert answer.json["error"]["code"] == "invalid_header"


def test_answers_have_a_date_and_a_length(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = ask(gateway.port, chat(upstream.on(json_answer({"id": "x"})).model))
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.header("date") or "")
    assert answer.header("content-length") == str(len(answer.body))


def test_models_are_listed_with_the_callers_id(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        client.send(
            b"GET /v1/models HTTP/1.1\r\nhost: g\r\nx-request-id: mine-3\r\n"
            b"authorization: Bearer sk-isthmus-everything-0123456789\r\n\r\n"
        )
        answer = client.answer()
    assert answer.status == 200
    assert answer.header("x-request-id") == "mine-3"
    assert answer.header("content-type") == "application/json"
