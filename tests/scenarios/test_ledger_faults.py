"""The usage ledger is whole after everything that may happen: each attempt has its row, and none has two."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.ledger import Row, journals_in, rows_of
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.services.postgres import PostgresServer
from tests.upstream import Case, Hang, Upstream, json_answer

ANSWER = {
    "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}
_CLIENTS = 8


class Traffic:
    """Clients that ask one after the other, each request with an id of its own."""

    def __init__(self, gateways: list[GatewayProcess], case: Case) -> None:
        self._gateways = gateways
        self._case = case
        self._stop = threading.Event()
        self.sent: set[str] = set()
        self.answered: set[str] = set()
        self.refused: Counter[int] = Counter()

    def wait_for(self, answers: int) -> None:
        """Wait until so many more have been answered."""
        wanted = len(self.answered) + answers
        until(lambda: len(self.answered) >= wanted)

    def run(self, name: str) -> None:
        """One client."""
        number = 0
        while not self._stop.is_set():
            number += 1
            request_id = f"{name}-{number}"
            self.sent.add(request_id)
            try:
                answer = ask(
                    random.choice(self._gateways).port, chat(self._case.model, user=request_id), x_request_id=request_id
                )
            except OSError:
                continue  # its worker was killed
            if answer.status == 200:
                self.answered.add(request_id)
            else:
                self.refused[answer.status] += 1

    def stop(self) -> None:
        """No more."""
        self._stop.set()


@contextmanager
def traffic(case: Case, *gateways: GatewayProcess) -> Iterator[Traffic]:
    """Run clients for a while."""
    running = Traffic(list(gateways), case)
    threads = [threading.Thread(target=running.run, args=(f"client{index}",)) for index in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stop()
        for thread in threads:
            thread.join()


def drained(gateway: GatewayProcess, place: dict[str, Any], workers: int = 1) -> list[Row]:
    """The rows once nothing is left in the journals of dead workers, and the gateway has ended."""
    until(lambda: len(journals_in(place)) <= workers)
    gateway.terminate()
    assert gateway.wait() == 0, gateway.log
    assert not journals_in(place)
    return rows_of(place)


def assert_whole(rows: list[Row], done: Traffic, case: Case) -> None:
    """Each request that was sent on has one row, each answer a good one, and no row is of nothing."""
    counted = Counter(row["request_id"] for row in rows)
    assert not [request for request, count in counted.items() if count > 1]
    assert set(counted) <= done.sent
    assert {request.json["user"] for request in case.requests} <= set(counted)
    good = {row["request_id"] for row in rows if row["status"] == 200 and row["prompt_tokens"] == 3}
    assert done.answered <= good
    assert {row["error"] for row in rows} <= {None, "worker_lost"}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_workers_that_are_killed_under_load_lose_and_double_nothing(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    place = {"folder": str(tmp_path / "state")}
    if kind == "postgres":
        place["url"] = request.getfixturevalue("postgres_url")
    case, hanging = upstream.on(json_answer(ANSWER)), upstream.on([Hang()])
    gateway = start_gateway(None, "--workers", "4", state={"records": place})
    clients = [RawClient(gateway.port) for _ in range(12)]
    for number, client in enumerate(clients):
        client.post(chat(hanging.model), x_request_id=f"hanging-{number}")
        hanging.request()
    with traffic(case, gateway) as done:
        for _ in range(3):
            done.wait_for(50)
            before = gateway.children()
            os.kill(random.choice(before), signal.SIGKILL)
            until(lambda before=before: len(set(gateway.children()) - set(before)) == 1)  # type: ignore[misc]
        done.wait_for(50)
    for pid in gateway.children():
        os.kill(pid, signal.SIGKILL)
    gateway.process.kill()
    gateway.process.wait()
    gateway.process.returncode = 0  # this end was the test's own
    again = start_gateway(None, state={"records": place})
    rows = drained(again, place)
    lost = [row for row in rows if row["request_id"].startswith("hanging-")]
    assert sorted(row["request_id"] for row in lost) == sorted(f"hanging-{number}" for number in range(12))
    assert {(row["status"], row["error"], row["cost"], row["prompt_tokens"]) for row in lost} == {
        (0, "worker_lost", None, None)
    }
    assert_whole([row for row in rows if row not in lost], done, case)


def test_a_killed_workers_rows_are_written_while_the_gateway_runs_on(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path
) -> None:
    place = {"folder": str(tmp_path / "state")}
    hanging = upstream.on([Hang()])
    gateway = start_gateway(None, "--workers", "2", state={"records": place})
    with RawClient(gateway.port) as client:
        client.post(chat(hanging.model))
        hanging.request()
        for pid in gateway.children():
            os.kill(pid, signal.SIGKILL)
    until(lambda: gateway.log.count("a worker died") == 2)
    assert [row["error"] for row in rows_of(place)] == ["worker_lost"]
    assert gateway.process.poll() is None


@pytest.mark.parametrize("fault", ["stopped", "crashed", "paused"])
def test_rows_wait_while_the_database_is_away(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path, own_postgres: PostgresServer, fault: str
) -> None:
    place = {"folder": str(tmp_path / "state"), "url": own_postgres.new_database()}
    case = upstream.on(json_answer(ANSWER))
    gateway = start_gateway(None, "--workers", "2", state={"records": place})
    with traffic(case, gateway) as done:
        done.wait_for(50)
        if fault == "paused":
            own_postgres.pause()
        else:
            own_postgres.stop(crash=fault == "crashed")
        began = time.monotonic()
        done.wait_for(300)
        assert time.monotonic() - began < 30
        if fault == "paused":
            own_postgres.resume()
        else:
            own_postgres.start()
        done.wait_for(50)
    assert not done.refused
    assert_whole(drained(gateway, place, workers=2), done, case)


def test_rows_that_a_stopping_gateway_could_not_write_are_written_by_the_next(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path, own_postgres: PostgresServer
) -> None:
    place = {"folder": str(tmp_path / "state"), "url": own_postgres.new_database()}
    case = upstream.on(json_answer(ANSWER))
    first = start_gateway(state={"records": place})
    own_postgres.stop()
    with traffic(case, first) as done:
        done.wait_for(50)
    first.terminate()
    assert first.wait() == 0
    assert "stay in its journal" in first.log
    own_postgres.start()
    assert_whole(drained(start_gateway(state={"records": place}), place), done, case)


def test_two_gateways_share_one_database(
    start_gateway: StartGateway, upstream: Upstream, tmp_path: Path, postgres_url: str
) -> None:
    places = [{"folder": str(tmp_path / name), "url": postgres_url} for name in ("one", "two")]
    case = upstream.on(json_answer(ANSWER))
    gateways = [start_gateway(state={"records": place}) for place in places]
    with traffic(case, *gateways) as done:
        done.wait_for(200)
        gateways[0].process.kill()
        gateways[0].process.wait()
        gateways[0].process.returncode = 0  # this end was the test's own
        done.wait_for(20)
    drained(gateways[1], places[1])
    again = start_gateway(state={"records": places[0]})
    rows = drained(again, places[0])
    assert_whole(rows, done, case)
