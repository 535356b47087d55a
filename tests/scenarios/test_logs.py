"""The log of a running gateway: one line a request, JSON throughout, nothing of what was said in it."""

import json
from typing import Any

from tests.conftest import KEY, UPSTREAM_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.upstream import Cut, Upstream, event_stream, frame

PROMPT = "a private prompt"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def logging_gateway(start_gateway: StartGateway, *arguments: str) -> GatewayProcess:
    return start_gateway(
        {"request_log": True},
        *arguments,
        provider={"api_key": UPSTREAM_KEY},
        keys=[{"name": "team-a", "key": KEY}],
        models={
            "fast": {
                "deployments": [{"provider": "scripted", "model": name} for name in ("error-500", "talker")],
                "retry": {"attempts": 1},
            }
        },
        facts={"scripted/talker": {"prices": {"prompt": 2, "completion": 10, "version": "2026-11-01"}}},
        telemetry={"log": "json"},
    )


def lines(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """Every line, after its end."""
    gateway.terminate()
    assert gateway.wait() == 0
    return [json.loads(line) for line in gateway.log.splitlines()]


def requests(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in told if line.get("event") == "request"]


def test_a_request_is_one_line_with_all_that_became_of_it(start_gateway: StartGateway) -> None:
    gateway = logging_gateway(start_gateway)
    ask(gateway.port, chat("fast", stream=True), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    (line,) = requests(lines(gateway))
    expected = {
        "level": "INFO",
        "logger": "isthmus.request",
        "key": "team-a",
        "route": "fast",
        "provider": "scripted",
        "provider_model": "talker",
        "attempts": ["scripted:first:500", "scripted:fallback:200"],
        "status": 200,
        "stream": True,
        "prompt_tokens": 2,
        "completion_tokens": 4,
        "cost_usd": 0.000044,
        "trace": TRACE,
    }
    assert expected.items() <= line.items()
    assert line["first_token_milliseconds"] <= line["milliseconds"]


def test_every_line_of_every_worker_is_json(start_gateway: StartGateway) -> None:
    gateway = logging_gateway(start_gateway, "--workers", "2")
    for _ in range(10):
        ask(gateway.port, chat("fast"))
    told = lines(gateway)
    assert len(requests(told)) == 10
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in told)


def test_nothing_of_prompts_answers_or_keys_is_logged(start_gateway: StartGateway, upstream: Upstream) -> None:
    broken = upstream.on(event_stream(frame({"choices": [{"index": 0, "delta": {"content": "private words"}}]}), Cut()))
    gateway = logging_gateway(start_gateway)
    body = {"model": "fast", "user": "private person", "messages": [{"role": "user", "content": PROMPT}]}
    bodies: list[Any] = [body, {**body, "stream": True}, {**body, "model": f"scripted/{broken.name}"}]
    bodies += [b'{"model": "fast", "private', {**body, "temperature": "private"}]
    for each in bodies:
        ask(gateway.port, each)
    ask(gateway.port, body, authorization="Bearer sk-private-0123456789")
    gateway.terminate()
    assert gateway.wait() == 0
    assert not [secret for secret in ("private", KEY, UPSTREAM_KEY) if secret in gateway.log]
