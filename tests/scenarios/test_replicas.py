"""Two replicas behind nginx, sharing a Redis and a PostgreSQL, are one gateway to whoever calls it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.nginx import Nginx
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer
from tests.upstream import Case, Gate, Upstream, json_answer

ADMIN_KEY = "admin-of-the-replicas-0123456789"
LIMITED, RICH, POOR = (f"sk-isthmus-{name}-0123456789" for name in ("limited", "rich", "poor"))
GRANTED = 20
"""Requests a minute of the limited key."""
PRICES = {"prompt": 0, "completion": 1_000_000, "version": "2026-01-01"}
"""A dollar for a token, so that a budget's end is easy to see."""
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Replicas:
    """The two, and what is in front of them."""

    def __init__(self, nginx: Nginx, gateways: list[GatewayProcess], cases: dict[str, Case]) -> None:
        self.port = nginx.port
        self.gateways = gateways
        self.cases = cases

    def ask(self, model: str, key: str = KEY, **fields: Any) -> Answer:
        """One request through nginx."""
        return ask(self.port, chat(model, **fields), authorization=f"Bearer {key}")

    def ask_at_once(self, count: int, model: str, key: str = KEY, **fields: Any) -> list[Answer]:
        """Many of them, at the same time."""
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.ask(model, key, **fields), range(count)))

    def admin(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """What the admin API answers."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {ADMIN_KEY}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        with RawClient(self.port) as client:
            client.send(head.encode() + data)
            answer = client.answer()
        assert answer.status < 300, answer.body
        return answer.json


@pytest.fixture
def gate() -> Gate:
    """What the model `gated` waits at."""
    return Gate()


@pytest.fixture
def replicas(
    start_gateway: StartGateway,
    upstream: Upstream,
    own_redis: RedisServer,
    shared_postgres: PostgresServer,
    tmp_path: Path,
    gate: Gate,
) -> Iterator[Replicas]:
    """Two gateways of one configuration."""
    answer = json_answer({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": USAGE})
    cases = {
        "plain": upstream.on(answer),
        "gated": upstream.on([gate, *answer]),
        "failing": upstream.on(json_answer({"error": {"message": "no"}}, status=500)),
        "well": upstream.on(answer),
    }

    def deployments(*names: str) -> list[dict[str, str]]:
        return [{"provider": "scripted", "model": cases[name].name} for name in names]

    database = shared_postgres.new_database()
    sections: dict[str, Any] = {
        "keys": [
            {"name": "everything", "key": KEY},
            {"name": "limited", "key": LIMITED, "limit": {"requests_per_minute": GRANTED}},
            {"name": "poor", "key": POOR, "limit": {"budgets": [{"per": "total", "usd": 10}]}},
        ],
        "models": {
            "plain": {"deployments": deployments("plain")},
            "shared": {"deployments": deployments("gated"), "cache": {"ttl": 60}},
            "resting": {
                "deployments": deployments("failing", "well"),
                "retry": {"attempts": 1, "budget": 1},
                "cooldown": {"failures": 3, "seconds": 60},
            },
        },
        "facts": {f"scripted/{cases['plain'].name}": {"context": 100, "completion": 1, "prices": PRICES}},
        "admin": {"key": ADMIN_KEY},
        "cache": {"store": "redis"},
    }
    gateways = []
    for index in range(2):
        folder = tmp_path / f"records-{index}"
        folder.mkdir()
        state = {
            "redis": {"url": own_redis.url, "timeout_ms": 500},
            "records": {"url": database, "folder": str(folder)},
        }
        gateways.append(start_gateway(None, state=state, **sections))
    with ExitStack() as running:
        nginx_folder = tmp_path / "nginx"
        nginx_folder.mkdir()
        nginx = running.enter_context(Nginx([gateway.port for gateway in gateways], nginx_folder))
        yield Replicas(nginx, gateways, cases)


def test_a_limit_is_one_limit(replicas: Replicas) -> None:
    answers = replicas.ask_at_once(3 * GRANTED, "plain", LIMITED)
    assert Counter(answer.status for answer in answers) == {200: GRANTED, 429: 2 * GRANTED}


def test_a_budget_is_one_budget(replicas: Replicas) -> None:
    until(lambda: replicas.ask("plain", POOR, max_tokens=1).status == 200)
    answers = replicas.ask_at_once(30, "plain", POOR, max_tokens=1)
    while 429 in {answer.status for answer in answers} and replicas.ask("plain", POOR, max_tokens=1).status == 200:
        pass
    assert len(replicas.cases["plain"].requests) == 10


def test_identical_calls_share_one_upstream_call(replicas: Replicas, gate: Gate) -> None:
    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(replicas.ask, "shared") for _ in range(20)]
        gate.await_reached()
        gate.open()
        answers = [each.result() for each in asked]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(replicas.cases["gated"].requests) == 1


def test_a_target_rests_for_both(replicas: Replicas) -> None:
    until(lambda: replicas.ask("resting").status == 200 and len(replicas.cases["failing"].requests) >= 3)
    until(lambda: _asks_nobody_who_rests(replicas))


def _asks_nobody_who_rests(replicas: Replicas) -> bool:
    before = len(replicas.cases["failing"].requests)
    for gateway in replicas.gateways * 3:
        assert ask(gateway.port, chat("resting"), authorization=f"Bearer {KEY}").status == 200
    return len(replicas.cases["failing"].requests) == before


def test_the_ledger_has_every_attempt_of_both_once(replicas: Replicas) -> None:
    for _ in range(25):
        assert replicas.ask("plain").status == 200
    until(lambda: _attempts(replicas, "plain") >= 25)
    assert _attempts(replicas, "plain") == 25


def _attempts(replicas: Replicas, model: str) -> int:
    usage = replicas.admin(f"/admin/usage?start_time={int(time.time()) - 3_600}&model={model}")
    return sum(result["num_attempts"] for bucket in usage["data"] for result in bucket["results"])


def test_a_key_made_at_one_opens_both(replicas: Replicas) -> None:
    made = replicas.admin("/admin/keys", "POST", {"name": "new", "models": ["plain"]})
    for gateway in replicas.gateways:
        answer = ask(gateway.port, chat("plain"), authorization=f"Bearer {made['value']}")
        assert answer.status == 200
