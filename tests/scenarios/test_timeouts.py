"""Each of the four timeouts: a 504 before the first byte, an error event after it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import full_listener
from tests.upstream import Hang, Pause, Upstream, Write, event_stream, frame, json_answer
from tests.upstream.script import head

SOON = 0.3


@pytest.fixture(scope="module")
def impatient(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose providers are named like the timeout that is short at each."""
    with full_listener() as unreachable:
        providers: dict[str, Any] = {
            name: {"base_url": upstream.base_url, "timeouts": {name: SOON}}
            for name in ("first_byte", "between_chunks", "total")
        }
        providers["connect"] = {"base_url": f"http://127.0.0.1:{unreachable}/v1", "timeouts": {"connect": SOON}}
        providers["waiting"] = {**providers["total"], "connections": 1}
        config = {"server": {"port": 0}, "providers": providers}
        with GatewayProcess(config, tmp_path_factory.mktemp("impatient")) as running:
            yield running


def assert_timeout(error: Any, which: str) -> None:
    assert error["type"] == "timeout_error"
    assert error["code"] == "upstream_timeout"
    assert f"timeouts.{which}" in error["message"]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_no_connection_in_time_is_a_504(impatient: GatewayProcess, stream: bool) -> None:
    answer = ask(impatient.port, chat("connect/any", stream=stream))
    assert answer.status == 504
    assert_timeout(answer.error, "connect")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_no_first_byte_in_time_is_a_504(impatient: GatewayProcess, upstream: Upstream, stream: bool) -> None:
    case = upstream.on([Hang()])
    answer = ask(impatient.port, chat(f"first_byte/{case.name}", stream=stream))
    assert answer.status == 504
    assert_timeout(answer.error, "first_byte")
    case.request().closed_at()


def test_headers_that_do_not_end_in_time_are_a_504(impatient: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on([Write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"), Hang()])
    answer = ask(impatient.port, chat(f"first_byte/{case.name}"))
    assert answer.status == 504
    assert_timeout(answer.error, "first_byte")


def test_silence_inside_a_unary_answer_is_a_504(impatient: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on([Write(head(200, [("content-length", "100")]) + b'{"half": '), Hang()])
    answer = ask(impatient.port, chat(f"between_chunks/{case.name}"))
    assert answer.status == 504
    assert_timeout(answer.error, "between_chunks")
    case.request().closed_at()


def test_silence_inside_a_stream_becomes_an_error_event(impatient: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, Hang()))
    with RawClient(impatient.port) as client:
        client.post(chat(f"between_chunks/{case.name}", stream=True))
        assert client.head().status == 200
        first, last = client.chunks()
    assert first == CHUNK
    assert_timeout(json.loads(last.removeprefix(b"data: "))["error"], "between_chunks")
    case.request().closed_at()


def test_an_answer_that_takes_too_long_is_a_504(impatient: GatewayProcess, upstream: Upstream) -> None:
    trickle = [step for _ in range(200) for step in (Write(b" "), Pause(SOON / 10))]
    case = upstream.on([Write(head(200, [("content-length", "1000")])), *trickle])
    answer = ask(impatient.port, chat(f"total/{case.name}"))
    assert answer.status == 504
    assert_timeout(answer.error, "total")


def test_a_stream_that_takes_too_long_ends_with_an_error_event(impatient: GatewayProcess, upstream: Upstream) -> None:
    steady = [step for _ in range(200) for step in (CHUNK, Pause(SOON / 10))]
    case = upstream.on(event_stream(*steady))
    with RawClient(impatient.port) as client:
        client.post(chat(f"total/{case.name}", stream=True))
        assert client.head().status == 200
        *_, last = client.chunks()
    assert_timeout(json.loads(last.removeprefix(b"data: "))["error"], "total")


def test_waiting_for_a_connection_counts_in_the_total(impatient: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on([Hang()])
    with RawClient(impatient.port) as first:
        first.post(chat(f"waiting/{case.name}"))
        case.request()
        answer = ask(impatient.port, chat(f"waiting/{case.name}"))
        assert answer.status == 504
        assert_timeout(answer.error, "total")


def test_a_steady_stream_outlives_the_time_between_chunks(impatient: GatewayProcess, upstream: Upstream) -> None:
    steady = [step for _ in range(6) for step in (CHUNK, Pause(SOON / 3))]
    case = upstream.on(event_stream(*steady, frame("[DONE]")))
    answer = ask(impatient.port, chat(f"between_chunks/{case.name}", stream=True))
    assert answer.body == CHUNK * 6 + frame("[DONE]")


def test_the_next_request_works(impatient: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "fine"}))
    for provider in ("first_byte", "between_chunks", "total"):
        assert ask(impatient.port, chat(f"{provider}/{case.name}")).json == {"id": "fine"}
