"""/admin/keys: what it takes, what it gives, who may ask."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import KEY, StartGateway
from tests.gateway.api.admin_client import ADMIN_KEY, Admin
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.upstream import Upstream

FILE_KEY = "sk-of-the-file-0123456789"


@pytest.fixture(scope="module")
def managed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with an admin API, and what it may not log."""
    folder = tmp_path_factory.mktemp("managed")
    config = {
        "server": {"port": 0, "request_log": True},
        "keys": [{"name": "of-the-file", "key": FILE_KEY}],
        "admin": {"key": ADMIN_KEY},
        "state": {"records": {"folder": str(folder / "state")}},
        "providers": {"scripted": {"base_url": upstream.base_url}},
    }
    with GatewayProcess(config, folder) as running:
        yield running
    running.assert_no_fault(secrets=(ADMIN_KEY, FILE_KEY))


@pytest.fixture(scope="module")
def admin(managed: GatewayProcess) -> Admin:
    return Admin(managed)


def status_of(gateway: GatewayProcess, key: str, model: str = "scripted/talker") -> int:
    """What a client with this key is answered."""
    return ask(gateway.port, chat(model), authorization=f"Bearer {key}").status


def code_of(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    status, body = answer
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return status, error["code"], error["param"]


def test_a_new_key_is_told_whole_and_works_at_once(admin: Admin, managed: GatewayProcess) -> None:
    key = admin.create("whole", owner="alice", models=["scripted/talker*"])
    assert (key["object"], key["name"], key["owner"], key["disabled"]) == ("key", "whole", "alice", False)
    assert key["value"].startswith("sk-isthmus-")
    assert abs(key["created_at"] - time.time()) < 60
    assert status_of(managed, key["value"]) == 200
    assert status_of(managed, key["value"], "scripted/embedder") == 403


def test_a_key_is_shown_once(admin: Admin, managed: GatewayProcess) -> None:
    key = admin.create("once")
    random = key["value"][16:40]
    for path in ("/admin/keys?limit=100", f"/admin/keys/{key['id']}"):
        status, answer = admin.ask("GET", path)
        assert status == 200
        assert random not in str(answer)
        assert key["value"][:15] in str(answer)
    assert random not in str(admin.update(key, team="red"))
    status_of(managed, key["value"])
    assert random not in managed.log


def test_every_change_is_told_by_the_log_and_no_secret(admin: Admin, managed: GatewayProcess) -> None:
    key = admin.create("audited")
    admin.update(key, disabled=True, models=["x"])
    rotated = admin.rotate(key)
    admin.delete(key)
    lines = [line for line in managed.log.splitlines() if key["id"] in line]
    events = [msgspec.json.decode(line[line.index("{") :]) for line in lines]
    assert [event["event"] for event in events] == ["key.created", "key.updated", "key.rotated", "key.deleted"]
    assert events[1]["fields"] == ["disabled", "models"]
    assert {event["name"] for event in events} == {"audited"}
    assert {event["address"] for event in events} == {"127.0.0.1"}
    for secret in (key["value"], rotated["value"], ADMIN_KEY):
        assert secret[16:] not in managed.log


def test_what_is_not_named_stays_and_null_takes_away(admin: Admin) -> None:
    key = admin.create("changed", team="red", limit={"requests_per_minute": 5}, expires_at=4_000_000_000)
    changed = admin.update(key, models=["gpt"])
    assert (changed["team"], changed["limit"]["requests_per_minute"], changed["models"]) == ("red", 5, ["gpt"])
    changed = admin.update(key, limit=None, team=None, expires_at=None)
    assert (changed["team"], changed["limit"], changed["expires_at"], changed["models"]) == (None, None, None, ["gpt"])


def test_disable_enable_expire_and_delete(admin: Admin, managed: GatewayProcess) -> None:
    key = admin.create("life")
    steps: list[tuple[dict[str, Any], int]] = [
        ({"disabled": True}, 401),
        ({"disabled": False}, 200),
        ({"expires_at": int(time.time()) - 1}, 401),
        ({"expires_at": None}, 200),
        ({"addresses": ["192.0.2.0/24"]}, 403),
        ({"addresses": ["127.0.0.0/8", "::1"]}, 200),
    ]
    for change, status in steps:
        admin.update(key, **change)
        assert status_of(managed, key["value"]) == status, change
    admin.delete(key)
    assert status_of(managed, key["value"]) == 401
    assert code_of(admin.ask("GET", f"/admin/keys/{key['id']}"))[:2] == (404, "key_not_found")
    assert code_of(admin.ask("DELETE", f"/admin/keys/{key['id']}"))[:2] == (404, "key_not_found")


def test_a_rotated_keys_old_value_is_good_for_the_overlap(admin: Admin, managed: GatewayProcess) -> None:
    key = admin.create("rotated")
    new = admin.rotate(key, overlap_seconds=3_600)
    assert [status_of(managed, value) for value in (key["value"], new["value"])] == [200, 200]
    assert [each["expires_at"] is None for each in new["secrets"]] == [True, False]
    newest = admin.rotate(key)
    assert [status_of(managed, value) for value in (key["value"], new["value"], newest["value"])] == [401, 401, 200]


def test_keys_are_listed_by_pages(admin: Admin) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        admin.create(name)
    seen: list[str] = []
    after = ""
    while True:
        _, page = admin.ask("GET", f"/admin/keys?limit=2&order=asc{after}")
        assert (page["object"], len(page["data"]) <= 2) == ("list", True)
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        seen += [key["name"] for key in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert [name for name in seen if name in names] == names
    assert len(seen) == len(set(seen))
    _, newest = admin.ask("GET", "/admin/keys?limit=1")
    assert newest["data"][0]["name"] == seen[-1]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("made_up=1", "made_up"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_a_wrong_query_is_refused_by_name(admin: Admin, query: str, param: str) -> None:
    assert code_of(admin.ask("GET", f"/admin/keys?{query}")) == (400, "invalid_value", param)


def test_a_page_after_a_key_that_is_not_there_is_refused(admin: Admin) -> None:
    assert code_of(admin.ask("GET", "/admin/keys?after=key_0")) == (404, "key_not_found", "after")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"name": "no spaces"}, "name"),
        ({"name": "a", "made_up": 1}, None),
        ({"name": "a", "models": "gpt"}, "models"),
        ({"name": "a", "models": [""]}, "models[0]"),
        ({"name": "a", "models": ["m"] * 1_001}, "models"),
        ({"name": "a", "addresses": ["10.0.0.1/99"]}, "addresses[0]"),
        ({"name": "a", "limit": {"requests_per_minute": 0}}, "limit.requests_per_minute"),
        ({"name": "a", "limit": {"made_up": 1}}, "limit"),
        ({"name": "a", "limit": {"budgets": [{"per": "hour", "usd": 1}]}}, "limit.budgets[0].per"),
        ({"name": "a", "expires_at": "2027-01-01"}, "expires_at"),
        ({"name": "a", "expires_at": 10**15}, "expires_at"),
        ([], None),
    ],
)
def test_a_wrong_body_is_refused_by_name(admin: Admin, body: Any, param: str | None) -> None:
    assert code_of(admin.ask("POST", "/admin/keys", body)) == (400, "invalid_value", param)


def test_a_whole_number_may_have_a_point(admin: Admin) -> None:
    assert admin.create("pointed", limit={"requests_per_minute": 60.0})["limit"]["requests_per_minute"] == 60


def test_a_body_that_is_no_json_or_too_long_is_refused(admin: Admin) -> None:
    assert code_of(admin.ask("POST", "/admin/keys", b"{")) == (400, "invalid_json", None)
    assert code_of(admin.ask("POST", "/admin/keys", b"\xff"))[0] == 400
    assert code_of(admin.ask("POST", "/admin/keys", b"[" * 100_000))[0] == 400
    assert code_of(admin.ask("POST", "/admin/keys", b" " * 300_000))[:2] == (413, "request_too_large")


@pytest.mark.parametrize("overlap", [-1, 31 * 86_400, "1"])
def test_an_overlap_has_bounds(admin: Admin, overlap: Any) -> None:
    answer = admin.ask("POST", "/admin/keys/key_0/rotate", {"overlap_seconds": overlap})
    assert code_of(answer) == (400, "invalid_value", "overlap_seconds")


@pytest.mark.parametrize("name", ["of-the-file", "taken"])
def test_a_name_is_given_once(admin: Admin, name: str) -> None:
    if name == "taken":
        admin.delete(admin.create(name))
    assert code_of(admin.ask("POST", "/admin/keys", {"name": name})) == (409, "name_taken", "name")


DOORS = [
    ("GET", "/admin/keys", None),
    ("POST", "/admin/keys", {"name": "sneaked-in"}),
    ("GET", "/admin/keys/key_0", None),
    ("POST", "/admin/keys/key_0", {"disabled": False}),
    ("POST", "/admin/keys/key_0/rotate", {}),
    ("DELETE", "/admin/keys/key_0", None),
]


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_no_door_opens_without_the_credential(managed: GatewayProcess, method: str, path: str, body: Any) -> None:
    made = Admin(managed).create(f"client-{method}-{len(path)}")["value"]
    for credential in (None, FILE_KEY, made, ADMIN_KEY[:-1], ADMIN_KEY + "x", "x" * 5_000):
        status, code, _ = code_of(Admin(managed, credential).ask(method, path, body))
        assert (status, code) == (401, "missing_api_key" if credential is None else "invalid_api_key")


def test_the_credential_is_no_key_of_a_client(managed: GatewayProcess) -> None:
    assert status_of(managed, ADMIN_KEY) == 401


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_without_the_section_there_is_no_admin_api(gateway: GatewayProcess, method: str, path: str, body: Any) -> None:
    for credential in (KEY, ADMIN_KEY):
        assert code_of(Admin(gateway, credential).ask(method, path, body))[:2] == (404, "unknown_url")


def test_a_gateway_with_an_admin_api_is_not_open(start_gateway: StartGateway, tmp_path: Path) -> None:
    running = start_gateway(admin={"key": ADMIN_KEY}, state={"records": {"folder": str(tmp_path / "state")}})
    assert ask(running.port, chat("scripted/talker"), authorization="").status == 401
