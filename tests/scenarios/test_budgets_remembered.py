"""Money that was spent stays spent, whatever forgets it: a process that is killed, a Redis that loses everything."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.ledger import rows_of
from tests.scenarios.crowd import Crowd
from tests.scenarios.raw import ask, chat
from tests.scenarios.test_budgets import BUDGET, COST, FACTS, MOST, alone, answer, bodies, keys
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer
from tests.upstream import Upstream
from tests.upstream.server import Case

SPENDABLE = 4.0
REPLICAS = WORKERS = 2


def await_asked(case: Case, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(case.requests) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_is_killed_has_spent_what_it_spent(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path
) -> None:
    case = upstream.on(answer)
    sections = {"keys": keys(usd=SPENDABLE), **alone(tmp_path)}
    for _ in range(3):
        gateway = start_gateway(**sections)
        for _ in range(8):
            assert ask(gateway.port, chat(case.model, max_tokens=50)).status == 200
        gateway.kill()
    gateway = start_gateway(**sections)
    while ask(gateway.port, chat(case.model, max_tokens=50)).status == 200:
        pass
    spent = len(case.requests) * COST
    assert SPENDABLE - MOST < spent <= SPENDABLE + 1e-9


@pytest.mark.parametrize(("fault", "database"), [("flush", "postgresql"), ("restart", "sqlite")])
def test_what_redis_forgets_under_load_stays_spent(
    start_gateway: StartGateway,
    upstream: Upstream,
    own_redis: RedisServer,
    shared_postgres: PostgresServer,
    tmp_path: Path,
    database: str,
    fault: str,
) -> None:
    case = upstream.on(answer)
    url = None if database == "sqlite" else shared_postgres.new_database()
    records = {"folder": str(tmp_path / "records"), "url": url}
    sections: dict[str, Any] = {
        "keys": keys(usd=BUDGET),
        "facts": FACTS,
        "state": {"redis": {"url": own_redis.url, "timeout_ms": 1_000}, "records": records},
    }
    gateways = [start_gateway({"workers": WORKERS}, **sections) for _ in range(REPLICAS)]
    crowds = [Crowd(gateway.port, {"connection": "close"}) for gateway in gateways]
    asking = [threading.Thread(target=crowd.ask_all, args=(bodies(case.model, 400),)) for crowd in crowds]
    for thread in asking:
        thread.start()
    for share in (0.3, 0.6):
        await_asked(case, int(share * BUDGET / COST))
        getattr(own_redis, fault)()
    for thread in asking:
        thread.join()
    spent = len(case.requests) * COST
    assert all(crowd.given_up for crowd in crowds)
    assert BUDGET - MOST < spent <= BUDGET + 1e-9
    for gateway in gateways:
        gateway.terminate()
        gateway.wait()
    assert sum(row["cost"] or 0 for row in rows_of(records)) == round(spent * 1e9)


def test_while_the_ledger_does_not_answer_a_budget_that_is_lost_is_refused(
    start_gateway: StartGateway,
    upstream: Upstream,
    own_redis: RedisServer,
    own_postgres: PostgresServer,
    tmp_path: Path,
) -> None:
    case = upstream.on(answer)
    gateway = start_gateway(
        keys=keys(usd=1.5),
        facts=FACTS,
        state={
            "redis": {"url": own_redis.url, "timeout_ms": 1_000},
            "records": {"folder": str(tmp_path / "records"), "url": own_postgres.new_database()},
        },
    )
    crowd = Crowd(gateway.port, {})
    crowd.ask_all(bodies(case.model, 2)[1:])
    own_postgres.pause()
    own_redis.flush()
    until = time.monotonic() + 8
    while time.monotonic() < until:
        refused = ask(gateway.port, chat(case.model, max_tokens=50))
        assert (refused.status, refused.error["code"]) == (503, "limits_unavailable")
        assert refused.header("retry-after") == "1"
    own_postgres.resume()
    crowd.ask_all(bodies(case.model, 20)[6:15])
    assert len(case.requests) * COST <= 1.5
    assert crowd.refused["insufficient_quota"]
