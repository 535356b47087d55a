"""Keys made while the gateway runs: on every worker and replica, and while their database is away."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

from gateway.auth.secret import new_secret
from tests.conftest import StartGateway
from tests.gateway.api.admin_client import ADMIN_KEY, Admin
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.services.postgres import PASSWORD, PostgresServer

FILE_KEY = "sk-of-the-file-0123456789"
CONNECTIONS = 40
"""New connections, each to any of four workers: that one of them gets none is less likely than 1 in 20,000."""
BOUND = 10.0
"""Seconds; a change counts after two, and the machine of the tests may be busy."""


def statuses(gateway: GatewayProcess, key: str, times: int = CONNECTIONS) -> set[int]:
    """What clients with this key are answered, each over a connection of its own."""
    return {ask(gateway.port, chat("scripted/talker"), authorization=f"Bearer {key}").status for _ in range(times)}


def until(holds: Callable[[], bool], seconds: float = BOUND) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def sections(records: dict[str, Any]) -> dict[str, Any]:
    """What a gateway with managed keys is configured with."""
    return {
        "keys": [{"name": "of-the-file", "key": FILE_KEY}],
        "admin": {"key": ADMIN_KEY},
        "state": {"records": records},
    }


@pytest.fixture(params=["sqlite", "postgres"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """An empty database, as the configuration names it."""
    settings = {"folder": str(tmp_path / "state")}
    return settings if request.param == "sqlite" else {**settings, "url": request.getfixturevalue("postgres_url")}


@pytest.fixture
def own_records(own_postgres: PostgresServer, tmp_path: Path) -> dict[str, Any]:
    """A database on a server that the test may stop."""
    return {"url": own_postgres.url(), "folder": str(tmp_path / "state")}


def test_a_keys_life_is_the_same_on_all_workers(start_gateway: StartGateway, records: dict[str, Any]) -> None:
    gateway = start_gateway({"workers": 4}, **sections(records))
    admin = Admin(gateway)
    key = admin.create("team-a", models=["scripted/*"])
    for _ in range(8):
        with openai.OpenAI(base_url=gateway.base_url, api_key=key["value"], max_retries=0) as client:
            answer = client.chat.completions.create(
                model="scripted/talker", messages=[{"role": "user", "content": "Hi"}]
            )
            assert answer.choices[0].message.content
    assert statuses(gateway, key["value"]) == {200}
    new = admin.rotate(key, overlap_seconds=3_600)
    assert statuses(gateway, new["value"]) == {200}
    assert statuses(gateway, key["value"]) == {200}
    admin.update(key, disabled=True)
    until(lambda: statuses(gateway, key["value"]) | statuses(gateway, new["value"]) == {401})
    admin.update(key, disabled=False)
    until(lambda: statuses(gateway, key["value"]) | statuses(gateway, new["value"]) == {200})
    admin.rotate(key)
    until(lambda: statuses(gateway, key["value"]) | statuses(gateway, new["value"]) == {401})


def test_both_values_of_a_rotated_key_count_as_one(start_gateway: StartGateway, records: dict[str, Any]) -> None:
    gateway = start_gateway(**sections(records))
    admin = Admin(gateway)
    key = admin.create("limited", limit={"requests_per_minute": 3})
    new = admin.rotate(key, overlap_seconds=3_600)
    answered = [
        next(iter(statuses(gateway, secret, 1))) for secret in (key["value"], new["value"], key["value"], new["value"])
    ]
    assert answered == [200, 200, 200, 429]


def test_keys_outlive_the_gateway(start_gateway: StartGateway, records: dict[str, Any]) -> None:
    first = start_gateway(**sections(records))
    key = Admin(first).create("lasting")
    first.terminate()
    assert first.wait() == 0
    second = start_gateway(**sections(records))
    assert statuses(second, key["value"], 1) == {200}
    assert Admin(second).ask("GET", f"/admin/keys/{key['id']}")[1]["name"] == "lasting"


def test_two_gateways_share_a_database(start_gateway: StartGateway, postgres_url: str, tmp_path: Path) -> None:
    here, there = (
        start_gateway(**sections({"url": postgres_url, "folder": str(tmp_path / name)})) for name in ("here", "there")
    )
    key = Admin(here).create("shared")
    assert statuses(there, key["value"], 1) == {200}
    Admin(there).update(key, disabled=True)
    assert statuses(there, key["value"], 1) == {401}
    until(lambda: statuses(here, key["value"], 1) == {401})
    Admin(here).update(key, disabled=False)
    until(lambda: statuses(there, key["value"], 1) == {200})


@contextmanager
def load(gateway: GatewayProcess, *keys: str) -> Iterator[Counter[int]]:
    """Clients that ask all the time; how often each status was answered."""
    seen: Counter[int] = Counter()
    ended = threading.Event()

    def run(key: str) -> None:
        while not ended.is_set():
            seen.update(statuses(gateway, key, 1))

    threads = [threading.Thread(target=run, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def fault_and_repair(server: PostgresServer, fault: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """How the database goes away, and how it comes back."""
    if fault == "paused":
        return server.pause, server.resume
    return lambda: server.stop(crash=fault == "crashed"), server.start


@pytest.mark.parametrize("fault", ["stopped", "crashed", "paused"])
def test_known_keys_go_on_while_the_database_is_away(
    start_gateway: StartGateway, own_postgres: PostgresServer, own_records: dict[str, Any], fault: str
) -> None:
    gateway = start_gateway({"workers": 2}, **sections(own_records))
    admin = Admin(gateway)
    used, unused = admin.create("used"), admin.create("unused")
    statuses(gateway, used["value"])
    away, back = fault_and_repair(own_postgres, fault)
    with load(gateway, used["value"], FILE_KEY) as seen:
        away()
        until(lambda: statuses(gateway, unused["value"], 8) == {503})
        assert admin.ask("GET", "/admin/keys")[0] == 503
        until(lambda: seen[200] > 100, 60)
        back()
        until(lambda: statuses(gateway, unused["value"], 8) == {200}, 30)
        until(lambda: statuses(gateway, new_secret(), 8) == {401})
        assert statuses(gateway, admin.create("after")["value"], 8) == {200}
    assert set(seen) == {200}
    assert PASSWORD not in gateway.log


def test_a_request_does_not_wait_long_for_a_database_that_hangs(
    start_gateway: StartGateway, own_postgres: PostgresServer, own_records: dict[str, Any]
) -> None:
    gateway = start_gateway(**sections(own_records))
    own_postgres.pause()
    began = time.monotonic()
    answer = ask(gateway.port, chat("scripted/talker"), authorization=f"Bearer {new_secret()}")
    assert (answer.status, answer.json["error"]["code"]) == (503, "keys_unavailable")
    assert answer.header("retry-after") == "1"
    assert time.monotonic() - began < BOUND


def test_a_gateway_starts_without_its_database_and_finds_it_later(
    start_gateway: StartGateway, own_postgres: PostgresServer, own_records: dict[str, Any]
) -> None:
    own_postgres.stop()
    gateway = start_gateway(**sections(own_records))
    assert statuses(gateway, FILE_KEY, 1) == {200}
    assert statuses(gateway, new_secret(), 1) == {503}
    assert statuses(gateway, "sk-anything-else-0123456789", 1) == {401}
    assert Admin(gateway).ask("POST", "/admin/keys", {"name": "early"})[0] == 503
    own_postgres.start()
    until(lambda: Admin(gateway).ask("GET", "/admin/keys")[0] == 200, 30)
    assert statuses(gateway, Admin(gateway).create("later")["value"], 1) == {200}
    assert PASSWORD not in gateway.log


def test_a_database_of_a_newer_version_ends_the_start_with_one_sentence(
    start_gateway: StartGateway, shared_postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    records = {"url": postgres_url, "folder": str(tmp_path / "state")}
    start_gateway(**sections(records)).terminate()
    shared_postgres.run("insert into migrations (version, applied) values (9999, 0)", postgres_url)
    file = tmp_path / "isthmus.yaml"
    file.write_text(yaml.safe_dump({"server": {"port": 0}, "providers": {"local": {}}, **sections(records)}))
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--config", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "A newer version of Isthmus made the tables" in done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr
