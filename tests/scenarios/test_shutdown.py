"""SIGTERM and Ctrl-C: running requests finish, new ones are refused, and the wait is bounded."""

import signal
import time
from pathlib import Path

import pytest

from tests.conftest import StartGateway, missing_for_local_models
from tests.gateway_process import GatewayProcess, lives
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Gate, Hang, Upstream, event_stream, frame, json_answer


def refuses(port: int) -> bool:
    """Whether a new connection is refused, or ended without an answer."""
    try:
        ask(port, chat("scripted/talker"))
    except OSError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_running_stream_finishes(
    start_gateway: StartGateway, upstream: Upstream, workers: str, number: signal.Signals
) -> None:
    case = upstream.on(event_stream(CHUNK, gate := Gate(), frame("[DONE]")))
    gateway = start_gateway(None, "--workers", workers)
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        client.head()
        chunks = client.chunks()
        next(chunks)
        gateway.process.send_signal(number)
        until(lambda: refuses(gateway.port))
        gate.open()
        assert list(chunks) == [frame("[DONE]")]
        assert client.is_closed()
    assert gateway.wait() == 0


def test_a_running_unary_request_finishes_and_its_connection_is_closed(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    case = upstream.on([gate := Gate(), *json_answer({"id": "x"})])
    gateway = start_gateway()
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
        gateway.terminate()
        until(lambda: refuses(gateway.port))
        gate.open()
        answer = client.answer()
        assert answer.json == {"id": "x"}
        assert answer.header("connection") == "close"
        assert client.is_closed()
    assert gateway.wait() == 0


def test_idle_connections_are_closed_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    with RawClient(gateway.port) as used, RawClient(gateway.port) as fresh:
        used.post(chat("scripted/talker"))
        assert used.answer().status == 200
        gateway.terminate()
        assert used.is_closed()
        assert fresh.is_closed()
    assert gateway.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stream_that_does_not_end_is_cut_after_the_drain(
    start_gateway: StartGateway, upstream: Upstream, workers: str
) -> None:
    case = upstream.on(event_stream(CHUNK, Hang()))
    gateway = start_gateway({"drain_seconds": 0.5}, "--workers", workers)
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        client.head()
        next(client.chunks())
        gateway.terminate()
        told = time.monotonic()
        assert client.is_closed()
        assert time.monotonic() - told >= 0.4
    case.request().closed_at()
    assert gateway.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_at_a_terminal_ends_it_cleanly(start_gateway: StartGateway, workers: str) -> None:
    gateway = start_gateway(None, "--workers", workers)
    children = gateway.children()
    gateway.press_ctrl_c()
    assert gateway.wait() == 0
    assert not [pid for pid in children if lives(pid)]


def test_ctrl_c_at_a_terminal_ends_local_models_too(tmp_path: Path) -> None:
    if missing := missing_for_local_models():
        pytest.skip(f"local models need {' and '.join(missing)} (make serve installs them)")
    with GatewayProcess({"server": {"port": 0}, "providers": {"local": {}}}, tmp_path) as gateway:
        body = {"model": "local/minilm", "input": "a cat"}
        assert ask(gateway.port, body, "/v1/embeddings").status == 200
        children = gateway.children()
        assert children
        gateway.press_ctrl_c()
        assert gateway.wait() == 0
        until(lambda: not [pid for pid in children if lives(pid)])


def test_a_second_signal_is_survived(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({"id": "x"})])
    gateway = start_gateway()
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
        gateway.terminate()
        gateway.process.send_signal(signal.SIGHUP)
        gateway.terminate()
        until(lambda: refuses(gateway.port))
        gate.open()
        assert client.answer().json == {"id": "x"}
    assert gateway.wait() == 0


def test_the_usage_of_the_last_requests_is_told(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    assert ask(gateway.port, chat("scripted/talker")).status == 200
    gateway.terminate()
    assert gateway.wait() == 0
    assert '"event":"usage"' in gateway.log
    assert '"requests":1' in gateway.log
