"""/metrics tells what happened, for any number of workers, whoever of them answers, and whoever died."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Gate, Hang, Pause, Step, Upstream, event_stream, frame, json_answer

FACTS = {"scripted/talker": {"prices": {"prompt": 2, "completion": 10, "version": "2026-11-01"}}}
TALKER = {"deployments": [{"provider": "scripted", "model": "talker"}]}


@pytest.fixture
def gateway_of_four(start_gateway: StartGateway) -> GatewayProcess:
    return start_gateway(None, "--workers", "4", models={"fast": TALKER}, facts=FACTS)


def send(gateway: GatewayProcess, times: int) -> None:
    for number in range(times):
        assert ask(gateway.port, chat("fast", stream=number % 2 == 0)).status == 200


def test_four_workers_tell_exactly_what_was_sent(gateway_of_four: GatewayProcess) -> None:
    send(gateway_of_four, 60)
    assert ask(gateway_of_four.port, chat("nobody-knows")).status == 404
    until(lambda: Scrape(gateway_of_four).sum("requests_total") == 61)
    for _ in range(8):
        told = Scrape(gateway_of_four)
        assert told.sum("requests_total", status="200", route="fast") == 60
        assert told.sum("errors_total", code="model_not_found") == 1
        assert told.sum("attempts_total", outcome="ok", cause="first") == 60
        assert told.sum("request_duration_seconds_count", route="fast") == 60
        assert told.sum("time_to_first_token_seconds_count") == 30
        assert told.sum("tokens_total", **{"class": "prompt"}) == 60 * 2
        assert told.sum("tokens_total", **{"class": "completion"}) == 60 * 4
        assert told.sum("cost_usd_total") == pytest.approx(60 * (2 * 2 + 4 * 10) / 1e6)
        assert told.sum("workers") == 4


def test_a_killed_workers_figures_stay(gateway_of_four: GatewayProcess) -> None:
    gateway = gateway_of_four
    send(gateway, 40)
    until(lambda: Scrape(gateway).sum("requests_total") == 40)
    before = gateway.children()
    for pid in before[:2]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(gateway.children()) - set(before)) == 2)
    until(lambda: all(_answers(gateway) for _ in range(10)))
    send(gateway, 20)
    until(lambda: Scrape(gateway).sum("requests_total") == 60)
    until(lambda: Scrape(gateway).sum("workers") == 4)


def _answers(gateway: GatewayProcess) -> bool:
    """By a door that counts nothing."""
    try:
        return ask(gateway.port, {}, "/health/ready").status == 405
    except OSError:
        return False


def test_counters_never_fall_from_one_scrape_to_the_next(gateway_of_four: GatewayProcess) -> None:
    last = 0.0
    for number in range(1, 40):
        send(gateway_of_four, 1)
        told = Scrape(gateway_of_four).sum("requests_total")
        assert last <= told <= number
        last = told
    until(lambda: Scrape(gateway_of_four).sum("requests_total") == 39)


def test_what_is_in_progress_is_told_while_it_is(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway()
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        gate.await_reached()
        told = Scrape(gateway)
        assert told.sum("requests_in_flight") == 1
        assert told.sum("held_bytes") > 0
        assert told.sum("upstream_connections", provider="scripted") == 1
        gate.open()
        assert client.answer().status == 200
    assert Scrape(gateway).sum("requests_in_flight") == 0
    assert Scrape(gateway).sum("held_bytes") == 0


def test_who_waits_for_a_connection_is_in_the_queue(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    gateway = start_gateway(provider={"connections": 1})
    with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
        for client in (first, second):
            client.post(chat(case.model))
        case.request()
        until(lambda: Scrape(gateway).sum("upstream_queue", provider="scripted") == 1)


def test_errors_and_fallbacks_are_told_by_cause(start_gateway: StartGateway, upstream: Upstream) -> None:
    route = {"deployments": [{"provider": "scripted", "model": "error-500"}, *TALKER["deployments"]]}
    gateway = start_gateway(models={"fast": {**route, "retry": {"attempts": 1}}})
    assert ask(gateway.port, chat("fast")).status == 200
    told = Scrape(gateway)
    assert told.sum("attempts_total", model="error-500", cause="first", outcome="failed") == 1
    assert told.sum("attempts_total", model="talker", cause="fallback", outcome="ok") == 1
    assert told.sum("errors_total") == 0


def test_a_client_that_left_is_a_499(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    gateway = start_gateway()
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
    until(lambda: Scrape(gateway).sum("requests_total", status="499") == 1)
    assert Scrape(gateway).sum("attempts_total", outcome="cancelled") == 1


def test_times_of_streams_are_told(start_gateway: StartGateway, upstream: Upstream) -> None:
    delta = {"choices": [{"index": 0, "delta": {"content": "x"}}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}}
    pieces: list[bytes | Step] = [frame(delta), Pause(0.2), frame(delta), Pause(0.2), frame(delta)]
    pieces += [frame(usage), frame("[DONE]")]
    case = upstream.on([Pause(0.3), *event_stream(*pieces)])
    gateway = start_gateway()
    assert ask(gateway.port, chat(case.model, stream=True)).status == 200
    told = Scrape(gateway)
    assert 0.29 <= told.sum("time_to_first_token_seconds_sum") < 5
    assert 0.19 <= told.sum("time_per_output_token_seconds_sum") < 3
    assert told.sum("request_duration_seconds_sum") >= 0.69


def test_a_request_without_a_key_is_told(gateway: GatewayProcess) -> None:
    before = Scrape(gateway).sum("refused_requests_total", operation="chat", code="missing_api_key")
    assert ask(gateway.port, chat("scripted/talker"), authorization="").status == 401
    assert Scrape(gateway).sum("refused_requests_total", operation="chat", code="missing_api_key") == before + 1


def test_a_reload_loses_nothing_and_is_told(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(models={"fast": TALKER})
    send(gateway, 3)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: Scrape(gateway).sum("config_reloads_total", result="done") == 1)
    gateway.config_file.write_text("rubbish: [")
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: Scrape(gateway).sum("config_reloads_total", result="refused") == 1)
    assert Scrape(gateway).sum("requests_total", route="fast") == 3


def test_nobody_elses_words_become_labels(start_gateway: StartGateway, upstream: Upstream) -> None:
    error = {"error": {"message": "no", "type": "x", "code": "a private sentence"}}
    case = upstream.on(json_answer(error, status=500))
    gateway = start_gateway()
    assert ask(gateway.port, chat(case.model, user="somebody")).status == 500
    told = Scrape(gateway)
    assert told.sum("errors_total", code="(other)") == 1
    assert not [word for word in ("private", "somebody", "Hello") if word in told.text]


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed (apt install prometheus)")
def test_prometheus_itself_reads_it(start_gateway: StartGateway, tmp_path: Path) -> None:
    assert shutil.which("promtool")
    gateway = start_gateway()
    assert ask(gateway.port, chat("scripted/talker", stream=True)).status == 200
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=Scrape(gateway).text, capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
