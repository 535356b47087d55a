"""Bounds: slow senders, unfinished uploads, big bodies, crowds; each gets an answer, in bounded memory."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, Answer, RawClient, ask, chat, request
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Gate, Hang, Upstream, event_stream, frame, json_answer, whole

MEGABYTE = 1 << 20
SOON = 0.5


@pytest.fixture(scope="module")
def strict(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that waits for nobody."""
    limits = {"body_seconds": SOON, "idle_seconds": SOON, "body_bytes": MEGABYTE}
    config = {
        "server": {"port": 0, "limits": limits},
        "providers": {"scripted": {"base_url": upstream.base_url}},
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("strict")) as running:
        yield running
        assert ask(running.port, chat("scripted/talker")).status == 200


def test_a_head_that_does_not_end_is_a_408(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n")
        answer = client.answer()
        assert answer.status == 408
        assert answer.error["code"] == "request_timeout"
        assert client.is_closed()


def test_a_body_that_does_not_end_is_a_408(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.post(b'{"model": ', content_length="1000")
        assert client.answer().status == 408
        assert client.is_closed()


def test_an_unfinished_chunked_upload_is_a_408(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.send(request(b"", content_length="", transfer_encoding="chunked") + b'5\r\n{"mod\r\n')
        assert client.answer().status == 408
        assert client.is_closed()


def test_a_trickle_is_a_408(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.post(b"{", content_length="100000")
        began = time.monotonic()
        while not client.has_answer():
            client.send(b" ")
            time.sleep(0.02)
            assert time.monotonic() - began < 10
        assert client.answer().status == 408


def test_a_silent_connection_is_closed(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        assert client.is_closed()


def test_a_connection_that_falls_silent_is_closed(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.post(chat("scripted/talker"))
        assert client.answer().status == 200
        assert client.is_closed()


def test_a_long_answer_is_not_a_slow_request(strict: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({"id": "x"})])
    with RawClient(strict.port) as client:
        client.post(chat(case.model))
        case.request()
        threading.Timer(3 * SOON, gate.open).start()
        assert client.answer().json == {"id": "x"}


def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(strict: GatewayProcess) -> None:
    with RawClient(strict.port) as client:
        client.post(b"{", content_length=str(MEGABYTE + 1))
        answer = client.answer()
        assert answer.status == 413
        assert answer.error["code"] == "request_too_large"
        assert client.is_closed()


def test_an_undeclared_body_over_the_limit_is_refused(strict: GatewayProcess) -> None:
    piece = b"%x\r\n%b\r\n" % (65_536, b" " * 65_536)
    with RawClient(strict.port) as client:
        client.send(request(b"", content_length="", transfer_encoding="chunked"))
        for _ in range(MEGABYTE // 65_536 + 1):
            client.send(piece)
        assert client.answer().status == 413
        assert client.is_closed()


def test_a_body_at_the_limit_is_taken(strict: GatewayProcess) -> None:
    body = b'{"model":"scripted/talker","messages":[{"role":"user","content":"a"}]}'
    assert ask(strict.port, body.ljust(MEGABYTE)).status == 200
    assert ask(strict.port, body.ljust(MEGABYTE + 1)).status == 413


def send_whole(gateway: GatewayProcess, data: bytes) -> Answer:
    """Send on in spite of an early answer, as many clients do, and read the answer then."""
    with RawClient(gateway.port) as client:
        client.send(data)
        return client.answer()


def test_bodies_of_100_megabytes_leave_memory_alone(gateway: GatewayProcess) -> None:
    """Several at once: each is far over the default limit of 32 MiB."""
    data = request(b'{"model": "scripted/talker", "x": "' + b"y" * (100 * MEGABYTE) + b'"}')
    before = gateway.memory
    answers: list[int] = []

    def send() -> None:
        try:
            answers.append(send_whole(gateway, data).status)
        except OSError:
            answers.append(0)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [413] * 4
    assert gateway.peak_memory - before < 64 * MEGABYTE
    assert ask(gateway.port, chat("scripted/talker")).status == 200


def test_chunked_bodies_of_100_megabytes_leave_memory_alone(gateway: GatewayProcess) -> None:
    piece = b"%x\r\n%b\r\n" % (MEGABYTE, b" " * MEGABYTE)
    before = gateway.memory
    with RawClient(gateway.port) as client:
        client.send(request(b"", content_length="", transfer_encoding="chunked"))
        try:
            for _ in range(100):
                client.send(piece)
        except OSError:
            pytest.fail("the gateway reset the connection, and the client may never see its answer")
        assert client.answer().status == 413
    assert gateway.peak_memory - before < 128 * MEGABYTE


def test_a_body_of_30_megabytes_passes(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    text = "y" * (30 * MEGABYTE)
    assert ask(gateway.port, chat(case.model, user=text)).json == {"id": "x"}
    assert case.request().json["user"] == text


def test_an_answer_over_the_limit_is_a_502(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(whole(200, b'{"x":"' + b"y" * MEGABYTE + b'"}'))
    gateway = start_gateway({"limits": {"answer_bytes": MEGABYTE}})
    answer = ask(gateway.port, chat(case.model))
    assert answer.status == 502
    assert "answer_bytes" in answer.error["message"]


def test_a_slow_reader_holds_the_upstream_back(gateway: GatewayProcess, upstream: Upstream) -> None:
    """64 MiB wait at the upstream and not in the gateway."""
    piece = frame({"choices": [{"index": 0, "delta": {"content": "x" * 65_000}}]})
    case = upstream.on(event_stream(*[piece] * 1_000, frame("[DONE]")))
    before = gateway.memory
    with RawClient(gateway.port, receive_buffer=4_096) as client:
        client.post(chat(case.model, stream=True))
        client.head()
        case.request()
        time.sleep(1)
        assert gateway.memory - before < 16 * MEGABYTE
        assert sum(len(chunk) for chunk in client.chunks()) == 1_000 * len(piece) + len(frame("[DONE]"))


def test_one_request_too_many_is_a_503(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway({"limits": {"concurrent_requests": 2}})
    with RawClient(gateway.port) as first, RawClient(gateway.port) as second:
        for client in (first, second):
            client.post(chat(case.model))
            case.request()
        answer = ask(gateway.port, chat(case.model))
        assert answer.status == 503
        assert answer.error["code"] == "overloaded"
        assert answer.header("retry-after") == "1"
        gate.open()
        assert [first.answer().status, second.answer().status] == [200, 200]
    assert ask(gateway.port, chat(case.model)).status == 200


def test_cancelled_requests_no_longer_count(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, Hang()))
    gateway = start_gateway({"limits": {"concurrent_requests": 2}}, provider={"connections": 2})
    for stream in (True, False) * 5:
        with RawClient(gateway.port) as client:
            client.post(chat(case.model, stream=stream))
            request = case.request()
        request.closed_at()
    for _ in range(5):
        assert ask(gateway.port, chat("scripted/talker")).status == 200


def test_one_waiting_for_a_connection_too_many_is_a_503(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on([gate := Gate(), *json_answer({})])
    gateway = start_gateway(provider={"connections": 1, "queue": 0})
    with RawClient(gateway.port) as client:
        client.post(chat(case.model))
        case.request()
        answer = ask(gateway.port, chat(case.model))
        assert answer.status == 503
        assert answer.header("retry-after")
        gate.open()
        assert client.answer().status == 200


def test_the_queue_is_served_in_order(start_gateway: StartGateway, upstream: Upstream) -> None:
    gates = [Gate() for _ in range(4)]
    waiting = iter(gates)
    case = upstream.on(lambda _: [next(waiting), *json_answer({})])
    gateway = start_gateway(provider={"connections": 1, "queue": 2})
    clients = [RawClient(gateway.port) for _ in range(3)]
    for number, client in enumerate(clients):
        client.post(chat(case.model, seed=number))
        if number == 0:
            case.request()
    until(lambda: ask(gateway.port, chat(case.model)).status == 503)
    for gate, client in zip(gates, clients, strict=False):
        gate.await_reached()
        gate.open()
        assert client.answer().status == 200
        client.socket.close()
    assert [one.json["seed"] for one in case.requests] == [0, 1, 2]


def test_one_connection_too_many_is_told_so(start_gateway: StartGateway) -> None:
    gateway = start_gateway({"limits": {"connections": 3}})
    clients = [RawClient(gateway.port) for _ in range(3)]
    for client in clients:
        client.post(chat("scripted/talker"))
        assert client.answer().status == 200
    with RawClient(gateway.port) as one_more:
        answer = one_more.answer()
        assert answer.status == 503
        assert answer.header("retry-after") == "1"
        assert one_more.is_closed()
    clients.pop().socket.close()
    until(lambda: _is_served(gateway))
    for client in clients:
        client.socket.close()


def _is_served(gateway: GatewayProcess) -> bool:
    try:
        return ask(gateway.port, chat("scripted/talker")).status == 200
    except OSError:
        return False
