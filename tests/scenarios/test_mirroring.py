"""Mirroring: a shadow gets copies of calls; clients never notice, and what it says is compared and thrown away."""

import json
import time
import urllib.request
from typing import Any

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.scenarios.reliability import DONE, DOWN, WHOLE, delta, model
from tests.upstream import Case, Cut, Gate, Hang, Upstream, event_stream, json_answer
from tests.upstream.script import PATIENCE


def mirrored(start_gateway: StartGateway, real: Case, shadow: Case, share: float = 1, **more: Any) -> GatewayProcess:
    """A gateway whose model has a shadow."""
    mirror = {"provider": "scripted", "model": shadow.name, "share": share}
    return start_gateway({"request_log": True}, models={"m": model(real, mirror=mirror, **more)})


def metrics(gateway: GatewayProcess, *wanted: str) -> str:
    """The metrics, once they have these lines."""
    until = time.monotonic() + PATIENCE
    while True:
        text: str = urllib.request.urlopen(f"{gateway.url}/metrics").read().decode()
        if all(line in text for line in wanted) or time.monotonic() > until:
            return text
        time.sleep(0.05)


def test_a_copy_goes_to_the_shadow_and_the_client_sees_nothing_of_it(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on(json_answer(DOWN, status=500))
    gateway = mirrored(start_gateway, real, shadow)
    answer = ask(gateway.port, chat("m", temperature=0.5))
    assert (answer.json, answer.header("x-isthmus-attempts")) == (WHOLE, None)
    assert shadow.request().json == real.request().json | {"model": shadow.name}


def test_a_slow_shadow_delays_nobody(start_gateway: StartGateway, upstream: Upstream) -> None:
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on([Hang()])
    gateway = mirrored(start_gateway, real, shadow, timeout=2)
    for _ in range(5):
        assert ask(gateway.port, chat("m")).status == 200
    shadow.request().closed_at()


def test_no_more_than_so_many_copies_run_at_once(start_gateway: StartGateway, upstream: Upstream) -> None:
    real, gate = upstream.on(json_answer(WHOLE)), Gate()
    shadow = upstream.on((gate, *json_answer(WHOLE)))
    gateway = mirrored(start_gateway, real, shadow)
    for _ in range(40):
        assert ask(gateway.port, chat("m")).status == 200
    for _ in range(32):
        shadow.request()
    assert len(shadow.requests) == 32
    gate.open()


def test_a_share_of_none_is_copied_never(start_gateway: StartGateway, upstream: Upstream) -> None:
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on(json_answer(WHOLE))
    gateway = mirrored(start_gateway, real, shadow, share=0)
    for _ in range(20):
        ask(gateway.port, chat("m"))
    assert not shadow.requests


def test_a_copy_is_a_call_of_its_own_to_whoever_records_calls(start_gateway: StartGateway, upstream: Upstream) -> None:
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on(json_answer(WHOLE))
    gateway = mirrored(start_gateway, real, shadow)
    ask(gateway.port, chat("m"))
    shadow.request()
    until = time.monotonic() + PATIENCE
    while "scripted:mirror:200" not in gateway.log and time.monotonic() < until:
        time.sleep(0.05)
    lines = [json.loads(line[line.index("{") :]) for line in gateway.log.splitlines() if '"attempts"' in line]
    assert [line["attempts"] for line in lines] == [["scripted:first:200"], ["scripted:mirror:200"]]


def test_answers_are_compared(start_gateway: StartGateway, upstream: Upstream) -> None:
    longer = {
        **WHOLE,
        "choices": [{"index": 0, "message": {"content": "Well, well, well."}, "finish_reason": "length"}],
    }
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on(json_answer(longer))
    gateway = mirrored(start_gateway, real, shadow)
    ask(gateway.port, chat("m"))
    told = {
        'isthmus_mirrored_total{result="answered"} 1',
        'isthmus_mirror_status_total{result="same"} 1',
        'isthmus_mirror_finish_total{result="different"} 1',
        'isthmus_mirror_length_total{result="longer"} 1',
    }
    text = metrics(gateway, *told)
    assert all(line in text for line in told), text


def test_streams_are_compared_too(start_gateway: StartGateway, upstream: Upstream) -> None:
    frames = (delta("Well."), delta(finish="stop"), DONE)
    real, shadow = upstream.on(event_stream(*frames)), upstream.on(event_stream(*frames))
    gateway = mirrored(start_gateway, real, shadow)
    assert ask(gateway.port, chat("m", stream=True)).body == b"".join(frames)
    told = {
        'isthmus_mirror_finish_total{result="same"} 1',
        'isthmus_mirror_length_total{result="similar"} 1',
    }
    text = metrics(gateway, *told)
    assert all(line in text for line in told), text


def test_a_shadow_that_breaks_is_told_of(start_gateway: StartGateway, upstream: Upstream) -> None:
    real, shadow = upstream.on(json_answer(WHOLE)), upstream.on([Cut()])
    gateway = mirrored(start_gateway, real, shadow)
    ask(gateway.port, chat("m"))
    told = {
        'isthmus_mirrored_total{result="failed"} 1',
        'isthmus_mirror_status_total{result="different"} 1',
    }
    text = metrics(gateway, *told)
    assert all(line in text for line in told), text
