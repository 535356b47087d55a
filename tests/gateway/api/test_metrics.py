"""Who may read /metrics."""

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from config.access import Key
from config.schema import Config, Server
from config.telemetry import Telemetry
from gateway.app import App
from gateway.observe.snapshots import Snapshots
from gateway.onion import Live, build
from tests.gateway.calls import surroundings
from tests.gateway.observe.finished import metrics

METRICS_KEY = "metrics-key-0123456789"


async def read(tmp_path: Path, config: Config, *, on: bool = True, **headers: str) -> tuple[int, str, Any]:
    """Status, body and headers of an answer."""
    around = surroundings()
    snapshots = Snapshots(metrics(), tmp_path, 0)
    snapshots.start()
    app = App(Live(build(config, around), around), snapshots if on else None)
    async with AsyncTestClient(app.litestar) as client:
        answer = await client.get("/metrics", headers=headers)
    await snapshots.close()
    return answer.status_code, answer.text, answer.headers


async def test_prometheus_is_told_in_its_own_format(tmp_path: Path) -> None:
    status, body, headers = await read(tmp_path, Config())
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE isthmus_requests_total counter" in body


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {METRICS_KEY}", 200),
        (f"bearer {METRICS_KEY}", 200),
        ("Bearer wrong", 401),
        (METRICS_KEY, 401),
        ("", 401),
    ],
)
async def test_the_key_is_asked_for(tmp_path: Path, given: str, status: int) -> None:
    config = Config(telemetry=Telemetry(metrics_key=METRICS_KEY))
    assert (await read(tmp_path, config, authorization=given))[0] == status


async def test_a_clients_key_is_not_the_metrics_key(tmp_path: Path) -> None:
    config = Config(keys=[Key(name="a", key="sk-client")], telemetry=Telemetry(metrics_key=METRICS_KEY))
    status, body, headers = await read(tmp_path, config, authorization="Bearer sk-client")
    assert status == 401
    assert METRICS_KEY not in body
    assert headers["www-authenticate"] == "Bearer"


async def test_others_than_this_machine_need_a_key(tmp_path: Path) -> None:
    config = Config(server=Server(host="0.0.0.0"), keys=[Key(name="a", key="sk-client")])
    status, body, _ = await read(tmp_path, config)
    assert status == 403
    assert "metrics_key_missing" in body


async def test_metrics_can_be_off(tmp_path: Path) -> None:
    assert (await read(tmp_path, Config(telemetry=Telemetry(metrics=False)), on=False))[0] == 404
