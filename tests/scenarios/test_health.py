"""Readiness of a running gateway: what is degraded is named, and it serves on."""

import json
import socket
import time
import urllib.request
from typing import Any

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Upstream, json_answer
from tests.upstream.model import refusal
from tests.upstream.script import Hang


def ready(gateway: GatewayProcess) -> Any:
    """What it says; an answer of another status than 200 is an error."""
    with urllib.request.urlopen(f"{gateway.url}/health/ready") as answer:
        return json.load(answer)


def test_a_gateway_that_needs_nothing_is_ready(start_gateway: StartGateway) -> None:
    assert ready(start_gateway()) == {"status": "ok"}


def test_a_redis_that_is_gone_degrades_and_does_not_stop_it(start_gateway: StartGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    gateway = start_gateway(
        state={"redis": {"url": f"redis://127.0.0.1:{port}"}},
        models={"fast": {"deployments": [{"provider": "scripted", "model": "talker"}], "cache": {}}},
        cache={"store": "redis"},
    )
    assert ask(gateway.port, chat("fast")).status == 200
    until(lambda: "redis" in ready(gateway).get("degraded", {}))
    assert ready(gateway)["status"] == "degraded"
    assert Scrape(gateway).sum("degraded", dependency="redis") == 1


def test_a_provider_that_rests_is_named(start_gateway: StartGateway) -> None:
    deployments = [{"provider": "scripted", "model": name} for name in ("error-500", "talker")]
    gateway = start_gateway(models={"fast": {"deployments": deployments, "cooldown": {"failures": 1}}})
    until(lambda: ask(gateway.port, chat("fast")).status == 200 and "degraded" in ready(gateway))
    assert list(ready(gateway)["degraded"]) == ["scripted/error-500"]


def test_it_is_told_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway(state={"redis": {"url": "redis://192.0.2.1"}})
    began = time.monotonic()
    for _ in range(20):
        ready(gateway)
    assert time.monotonic() - began < 5


def test_a_guardrail_whose_model_is_away_is_named_until_it_judges_again(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    judge = upstream.on(refusal(500))
    one = {"deployments": [{"provider": "scripted", "model": judge.name}], "retry": {"attempts": 1}}
    guardrails = {"input": [{"check": "guard", "on_failure": "open"}]}
    gateway = start_gateway(
        models={
            "judge": one | {"cooldown": {"failures": 1_000}},
            "fast": {"deployments": [{"provider": "scripted", "model": "talker"}], "guardrails": guardrails},
        },
        safety={"checks": {"guard": {"type": "llama_guard", "options": {"model": "judge"}}}},
    )
    assert ask(gateway.port, chat("fast")).status == 200
    assert list(ready(gateway)["degraded"]) == ["safety.guard"]
    until(lambda: Scrape(gateway).sum("degraded", dependency="safety.guard") == 1)
    safe = {"index": 0, "message": {"role": "assistant", "content": "safe"}, "finish_reason": "stop"}
    judge.script = lambda request: json_answer({"id": "g", "object": "chat.completion", "choices": [safe]})
    assert ask(gateway.port, chat("fast")).status == 200
    assert ready(gateway) == {"status": "ok"}


def test_a_guardrail_that_is_cut_off_is_named_until_it_judges_in_time(
    start_gateway: StartGateway, upstream: Upstream
) -> None:
    judge = upstream.on([Hang()])
    guardrails = {"input": [{"check": "guard", "on_failure": "open", "timeout": 1}]}
    gateway = start_gateway(
        models={
            "judge": {"deployments": [{"provider": "scripted", "model": judge.name}]},
            "fast": {"deployments": [{"provider": "scripted", "model": "talker"}], "guardrails": guardrails},
        },
        safety={"checks": {"guard": {"type": "llama_guard", "options": {"model": "judge"}}}},
    )
    assert ask(gateway.port, chat("fast")).status == 200
    assert ready(gateway)["degraded"] == {"safety.guard": "it took longer than 1 s"}
    safe = {"index": 0, "message": {"role": "assistant", "content": "safe"}, "finish_reason": "stop"}
    judge.script = lambda request: json_answer({"id": "g", "object": "chat.completion", "choices": [safe]})
    assert ask(gateway.port, chat("fast")).status == 200
    assert ready(gateway) == {"status": "ok"}
