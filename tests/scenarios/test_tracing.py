"""Traces and metrics reach a collector by OpenTelemetry's conventions; one that is slow or gone harms nobody."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.services.collector import Collector, running_collector
from tests.upstream import Cut, Hang, Upstream, event_stream, frame, json_answer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NOT_SAMPLED = f"00-{TRACE}-{SPAN}-00"
SERVER, CLIENT = 2, 3
PROMPT = "a private prompt"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


def route(*models: str) -> dict[str, Any]:
    deployments = [{"provider": "scripted", "model": model} for model in models]
    return {"fast": {"deployments": deployments, "retry": {"attempts": 1}}}


@pytest.fixture
def start_gateway(collector: Collector, start_gateway: StartGateway) -> StartGateway:
    """Gateways that end before their collector does: their last spans are awaited."""
    return start_gateway


def traced(start_gateway: StartGateway, collector: Collector, *models: str, **otlp: Any) -> GatewayProcess:
    settings = {"endpoint": collector.url, "headers": {"x-tenant": "mine"}, **otlp}
    return start_gateway(models=route(*(models or ("talker",))), telemetry={"otlp": settings})


def test_a_call_is_a_span_with_one_below_it_for_each_attempt(
    start_gateway: StartGateway, collector: Collector, upstream: Upstream
) -> None:
    gateway = traced(start_gateway, collector, "error-500", "talker")
    assert ask(gateway.port, chat("fast", temperature=0.5), traceparent=SAMPLED).status == 200
    server, failed, answered = collector.of_trace(TRACE, 3)
    assert (server.name, server.kind, server.parent, server.failed) == ("chat fast", SERVER, SPAN, False)
    assert (failed.name, failed.kind, failed.parent, failed.failed) == ("chat error-500", CLIENT, server.id, True)
    assert (answered.name, answered.parent, answered.failed) == ("chat talker", server.id, False)
    assert failed.attributes["error.type"] == "scripted_500"
    assert (failed.attributes["isthmus.attempt.cause"], failed.attributes["http.response.status_code"]) == (
        "first",
        500,
    )
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "talker",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stream": False,
        "gen_ai.response.id": "chatcmpl-scripted",
        "gen_ai.response.model": "talker",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.usage.output_tokens": 4,
        "server.address": "127.0.0.1",
        "server.port": upstream.port,
        "isthmus.attempt.cause": "fallback",
    }
    assert expected.items() <= answered.attributes.items()
    assert server.start <= failed.start <= failed.end <= answered.start <= answered.end <= server.end
    assert collector.resource["service.name"] == "isthmus"
    assert collector.headers["x-tenant"] == "mine"


def test_each_attempt_tells_its_provider_its_own_span(
    start_gateway: StartGateway, collector: Collector, upstream: Upstream
) -> None:
    first, second = upstream.on(json_answer({}, status=500)), upstream.on(json_answer({}))
    gateway = traced(start_gateway, collector, first.name, second.name)
    assert ask(gateway.port, chat("fast"), traceparent=SAMPLED, tracestate="vendor=1").status == 200
    _, failed, answered = collector.of_trace(TRACE, 3)
    for case, span in ((first, failed), (second, answered)):
        sent = case.request()
        assert sent.header("traceparent") == f"00-{TRACE}-{span.id}-01"
        assert sent.header("tracestate") == "vendor=1"


def test_a_trace_begins_here_where_the_client_names_none(start_gateway: StartGateway, collector: Collector) -> None:
    gateway = traced(start_gateway, collector)
    assert ask(gateway.port, chat("fast", stream=True)).status == 200
    until(lambda: len(collector.spans) == 2)
    server, client = sorted(collector.spans, key=lambda span: span.kind)
    assert (server.parent, client.parent, client.trace) == ("", server.id, server.trace)
    assert client.attributes["gen_ai.response.time_to_first_chunk"] >= 0


def test_what_the_client_does_not_sample_is_not_exported(start_gateway: StartGateway, collector: Collector) -> None:
    gateway = traced(start_gateway, collector)
    assert ask(gateway.port, chat("fast"), traceparent=NOT_SAMPLED).status == 200
    other = TRACE[::-1]
    assert ask(gateway.port, chat("fast"), traceparent=f"00-{other}-{SPAN}-01").status == 200
    collector.of_trace(other, 2)
    assert {span.trace for span in collector.spans} == {other}


def test_none_of_the_traces_that_begin_here_need_be_sampled(start_gateway: StartGateway, collector: Collector) -> None:
    gateway = traced(start_gateway, collector, sample=0)
    assert ask(gateway.port, chat("fast")).status == 200
    assert ask(gateway.port, chat("fast"), traceparent=SAMPLED).status == 200
    collector.of_trace(TRACE, 2)
    assert {span.trace for span in collector.spans} == {TRACE}


def test_without_tracing_a_clients_context_goes_on_as_it_came(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(provider={"forward_headers": ["traceparent", "tracestate"]})
    ask(gateway.port, chat(case.model), traceparent=SAMPLED, tracestate="vendor=1")
    sent = case.request()
    assert (sent.header("traceparent"), sent.header("tracestate")) == (SAMPLED, "vendor=1")
    ask(gateway.port, chat(case.model), traceparent="rubbish", tracestate="vendor=1")
    sent = case.request()
    assert (sent.header("traceparent"), sent.header("tracestate")) == (None, None)


def test_a_stream_that_breaks_is_a_failed_span(
    start_gateway: StartGateway, collector: Collector, upstream: Upstream
) -> None:
    case = upstream.on(event_stream(frame({"choices": [{"index": 0, "delta": {"content": "x"}}]}), Cut()))
    gateway = traced(start_gateway, collector, case.name)
    assert ask(gateway.port, chat("fast", stream=True), traceparent=SAMPLED).status == 200
    server, client = collector.of_trace(TRACE, 2)
    assert client.failed
    assert server.failed
    assert server.attributes["error.type"] == client.attributes["error.type"]


def test_a_client_that_leaves_still_has_its_spans(
    start_gateway: StartGateway, collector: Collector, upstream: Upstream
) -> None:
    case = upstream.on([Hang()])
    gateway = traced(start_gateway, collector, case.name)
    with RawClient(gateway.port) as client:
        client.post(chat("fast"), traceparent=SAMPLED)
        case.request()
    server, attempt = collector.of_trace(TRACE, 2)
    assert server.attributes["http.response.status_code"] == 499
    assert attempt.attributes["http.response.status_code"] == 499


@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_prompts_and_answers_are_exported_only_where_asked_for(
    start_gateway: StartGateway, collector: Collector, content: bool, stream: bool
) -> None:
    gateway = traced(start_gateway, collector, content=content)
    body = {"model": "fast", "stream": stream, "messages": [{"role": "user", "content": PROMPT}]}
    assert ask(gateway.port, body, traceparent=SAMPLED).status == 200
    _, client = collector.of_trace(TRACE, 2)
    said = client.attributes.get("gen_ai.input.messages"), client.attributes.get("gen_ai.output.messages")
    if content:
        assert said[0] == f'[{{"role":"user","parts":[{{"type":"text","content":"{PROMPT}"}}]}}]'
        assert f"You said: {PROMPT}" in (said[1] or "")
    else:
        assert said == (None, None)
        assert not [span for span in collector.spans if "private" in str(span)]


def test_metrics_are_exported_by_the_conventions(start_gateway: StartGateway, collector: Collector) -> None:
    gateway = traced(start_gateway, collector, "error-500", "talker")
    assert ask(gateway.port, chat("fast", stream=True)).status == 200
    gateway.terminate()
    assert gateway.wait() == 0
    durations = {
        next((each.value.string_value for each in point.attributes if each.key == "error.type"), ""): point
        for point in collector.metric("gen_ai.client.operation.duration")
    }
    assert {error: point.count for error, point in durations.items()} == {"": 1, "failed": 1}
    assert list(durations[""].explicit_bounds)[:3] == [0.01, 0.02, 0.04]
    tokens = {
        next(each.value.string_value for each in point.attributes if each.key == "gen_ai.token.type"): point.sum
        for point in collector.metric("gen_ai.client.token.usage")
    }
    assert tokens == {"input": 2, "output": 4}
    assert [point.count for point in collector.metric("gen_ai.server.time_to_first_token")] == [1]
    assert [point.count for point in collector.metric("gen_ai.server.time_per_output_token")] == [1]


@pytest.mark.parametrize("fault", ["stalls", "refuses", "is gone"])
def test_a_collector_that_does_not_take_it_harms_no_request(
    start_gateway: StartGateway, collector: Collector, fault: str
) -> None:
    collector.status = 503
    if fault == "stalls":
        collector.stall.clear()
    endpoint = "http://127.0.0.1:9" if fault == "is gone" else collector.url
    gateway = traced(start_gateway, collector, endpoint=endpoint)
    began = time.monotonic()
    for _ in range(200):
        assert ask(gateway.port, chat("fast")).status == 200
    assert time.monotonic() - began < 10
    until(lambda: Scrape(gateway).sum("otlp_calls_total", outcome="refused") > 0)
    assert gateway.log.count("the collector does not take telemetry") == 1
