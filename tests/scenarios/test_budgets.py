"""Money: no more is spent than a budget has, however many ask at once, and hardly less."""

import os
import re
import signal
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.crowd import Crowd, Kind
from tests.scenarios.raw import Answer, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.redis import RedisServer
from tests.upstream import Hang, Upstream, event_stream, frame, json_answer
from tests.upstream.script import Step
from tests.upstream.server import Request

PRICES = {"prompt": 1_000, "completion": 1_000, "version": "2026-11-01"}
"""A tenth of a cent a token."""
FACTS = {"scripted/*": {"context": 100_000, "prices": PRICES}}
USAGE = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}
COST = 0.1
"""Of a call with that usage."""
MOST = 1.3
"""What such a call reserves at most: its bytes, an allowance, and 50 tokens of an answer."""
BUDGET = 40.0
CLIENTS = 1_000


def answer(request: Request) -> Iterable[Step]:
    """Whole or as a stream; a client that means to leave gets no end."""
    choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    if not request.json.get("stream"):
        message = {"index": 0, "message": {"role": "assistant", "content": "word"}, "finish_reason": "stop"}
        return json_answer({"id": "c", "object": "chat.completion", "choices": [message], "usage": USAGE})
    if request.json["seed"] == 1:
        return event_stream(frame({"id": "c", "choices": [choice], "usage": USAGE}), Hang())
    return event_stream(
        frame({"id": "c", "choices": [choice]}), frame({"id": "c", "choices": [], "usage": USAGE}), frame("[DONE]")
    )


def bodies(model: str, count: int) -> list[tuple[Kind, dict[str, Any]]]:
    """A third streams, a tenth of all left by their clients."""
    kinds: list[Kind] = ["left" if n % 10 == 5 else "stream" if n % 3 == 0 else "whole" for n in range(count)]
    return [
        (
            kind,
            {
                "model": model,
                "messages": [{"role": "user", "content": "hello"}],
                "max_tokens": 50,
                "stream": kind != "whole",
                "seed": int(kind == "left"),
            },
        )
        for kind in kinds
    ]


def keys(**budget: Any) -> list[dict[str, Any]]:
    return [{"name": "everything", "key": KEY, "limit": {"budgets": [{"per": "total", **budget}]}}]


def shared(redis: RedisServer, **limits: Any) -> dict[str, Any]:
    return {"state": {"redis": {"url": redis.url, "timeout_ms": 3_000}}, "limits": limits, "facts": FACTS}


def alone(folder: Path) -> dict[str, Any]:
    return {"state": {"records": {"folder": str(folder / "records")}}, "facts": FACTS}


def left(gateway: GatewayProcess, model: str) -> float:
    """What the gateway says is left: of a call that can't be paid, once nothing is held."""
    refusals: list[Answer] = []

    def is_settled() -> bool:
        refusals.append(ask(gateway.port, chat(model, max_tokens=90_000)))
        return bool(refusals[-1].error["code"] == "insufficient_quota")

    until(is_settled)
    found = re.search(r"has \$([0-9.]+) left", refusals[-1].error["message"])
    assert found
    return float(found[1])


def check_spent(gateway: GatewayProcess, upstream_requests: int, model: str) -> None:
    spent = upstream_requests * COST
    assert spent <= BUDGET + 1e-9
    assert BUDGET - spent < MOST
    assert left(gateway, model) == pytest.approx(BUDGET - spent)


@pytest.mark.parametrize("workers", [1, 16], ids=["one process in memory", "sixteen workers with Redis"])
def test_a_crowd_spends_a_budget_and_no_more(
    start_gateway: StartGateway, upstream: Upstream, own_redis: RedisServer, tmp_path: Path, workers: int
) -> None:
    case = upstream.on(answer)
    sections = alone(tmp_path) if workers == 1 else shared(own_redis)
    gateway = start_gateway({"workers": workers}, keys=keys(usd=BUDGET), **sections)
    crowd = Crowd(gateway.port, {"connection": "close"})
    crowd.ask_all(bodies(case.model, CLIENTS))
    assert crowd.answered.total() == len(case.requests)
    assert min(crowd.answered[kind] for kind in ("whole", "stream", "left")) > 0
    assert crowd.refused["budget_reserved"] > 0
    assert set(crowd.refused) <= {"budget_reserved", "insufficient_quota"}
    check_spent(gateway, len(case.requests), case.model)


def test_what_a_killed_workers_calls_reserved_comes_back(
    start_gateway: StartGateway, upstream: Upstream, own_redis: RedisServer
) -> None:
    hanging = upstream.on(event_stream(frame({"choices": [{"index": 0, "delta": {"content": "a"}}]}), Hang()))
    gateway = start_gateway({"workers": 2}, keys=keys(usd=3 * MOST), **shared(own_redis, lease_seconds=1))
    clients = [RawClient(gateway.port) for _ in range(3)]
    for client in clients:
        client.post(chat(hanging.model, stream=True, max_tokens=50))
        hanging.request()
    assert ask(gateway.port, chat("scripted/talker", max_tokens=50)).error["code"] == "budget_reserved"
    for pid in gateway.children():
        os.kill(pid, signal.SIGKILL)
    until(lambda: is_answered(gateway))
    assert left(gateway, hanging.model) > 3 * MOST - 0.2


class Hook(Upstream):
    """Takes whatever it is told."""

    def script_for(self, request: Request) -> Iterable[Step]:
        self.unscripted.append(request)
        return json_answer({})


def test_the_soft_and_the_hard_end_are_told_once_each(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    case = upstream.on(answer)
    with Hook(context) as hook:
        url = f"https://127.0.0.1:{hook.port}/budgets"
        gateway = start_gateway(
            keys=keys(usd=1.5, warn_usd=0.15), limits={"webhook": url, "webhook_private": True}, **alone(tmp_path)
        )
        answers = [ask(gateway.port, chat(case.model, max_tokens=50)) for _ in range(6)]
        until(lambda: len(hook.unscripted) == 2)
    warned = [said.header("x-isthmus-budget-warning") for said in answers]
    assert [said.status for said in answers] == [200] * 4 + [429] * 2
    assert warned[:2] == [None, None]
    assert warned[2] == "total budget of key 'everything': 0.2 of 1.5 USD spent"
    assert [said.header("x-isthmus-cost") for said in answers[:4]] == ["0.1"] * 4
    events = [one.json for one in hook.unscripted]
    assert [event["event"] for event in events] == ["budget_warning", "budget_spent"]
    assert (events[0]["holder"], events[0]["spent_usd"]) == ("key 'everything'", "0.2")
    assert "budget_spent: total budget of key 'everything'" in gateway.log


def is_answered(gateway: GatewayProcess) -> bool:
    try:
        return ask(gateway.port, chat("scripted/talker", max_tokens=50)).status == 200
    except OSError:
        return False
