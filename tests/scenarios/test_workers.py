"""Several workers on one port behave as one gateway."""

import os
import re
import signal

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess, lives
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Gate, Hang, Upstream, event_stream, frame, json_answer


def test_requests_are_served_by_every_worker(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(None, "--workers", "2")
    assert len(gateway.children()) == 2
    for _ in range(40):
        assert ask(gateway.port, chat(case.model)).status == 200
    gateway.terminate()
    assert gateway.wait() == 0
    told = [int(count) for count in re.findall(r'"event":"usage".*"requests":(\d+)', gateway.log)]
    assert len(told) == 2
    assert sum(told) == 40


def test_a_killed_worker_is_started_again(start_gateway: StartGateway) -> None:
    gateway = start_gateway(None, "--workers", "2")
    before = gateway.children()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(gateway.children()) - {before[0]}) == 2)
    until(lambda: all(_answers(gateway) for _ in range(10)))
    assert "starting it again" in gateway.log


def _answers(gateway: GatewayProcess) -> bool:
    try:
        return ask(gateway.port, chat("scripted/talker")).status == 200
    except OSError:
        return False


def test_the_limit_of_concurrent_requests_counts_over_all(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway({"limits": {"concurrent_requests": 6}}, "--workers", "2")
    clients = [RawClient(gateway.port) for _ in range(6)]
    for client in clients:
        client.post(chat(case.model))
        case.request()
    for _ in range(10):
        answer = ask(gateway.port, chat(case.model))
        assert answer.status == 503
        assert answer.header("retry-after") == "1"
    gate.open()
    for client in clients:
        assert client.answer().status == 200
        client.socket.close()
    assert ask(gateway.port, chat(case.model)).status == 200


def test_a_killed_workers_requests_no_longer_count(start_gateway: StartGateway, upstream: Upstream) -> None:
    hanging = upstream.on([Hang()])
    gateway = start_gateway({"limits": {"concurrent_requests": 4}}, "--workers", "2")
    clients = [RawClient(gateway.port) for _ in range(4)]
    for client in clients:
        client.post(chat(hanging.model))
        hanging.request()
    assert ask(gateway.port, chat("scripted/talker")).status == 503
    before = gateway.children()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(gateway.children()) - set(before)) == 2)
    until(lambda: all(_answers(gateway) for _ in range(10)))


def test_all_workers_reload(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(None, "--workers", "2")
    gateway.write_config({"server": {"port": 0}, "providers": {"other": {"base_url": upstream.base_url}}})
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: gateway.log.count("configuration reloaded") == 2)
    assert {ask(gateway.port, chat("other/talker")).status for _ in range(10)} == {200}


def test_workers_end_with_their_parent(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(frame("[DONE]")))
    gateway = start_gateway(None, "--workers", "2")
    assert ask(gateway.port, chat(case.model, stream=True)).status == 200
    workers = gateway.children()
    gateway.process.kill()
    assert gateway.process.wait() == -signal.SIGKILL
    until(lambda: not [pid for pid in workers if lives(pid)])
    gateway.process.returncode = 0  # this end was the test's own
