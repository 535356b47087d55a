"""docs/usage.md says what is: its examples work, its tables are the code's."""

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from gateway.api.admin.usage import _SHOWN
from gateway.call import Cause
from gateway.ledger.question import DIMENSIONS
from gateway.ledger.row import COLUMNS
from tests.conftest import KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Upstream

PAGE = (Path(__file__).parent.parent.parent / "docs/usage.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
ADMIN_KEY = "admin-credential-of-the-page-0123456789"


@pytest.fixture
def gateway(start_gateway: StartGateway, upstream: Upstream, tmp_path: Path) -> GatewayProcess:
    """A gateway as the page configures it, with one request in its ledger."""
    running = start_gateway(
        admin={"key": ADMIN_KEY},
        keys=[{"name": "team-a", "key": KEY}],
        state={"records": {"folder": str(tmp_path / "state")}},
    )
    assert ask(running.port, chat("scripted/talker")).status == 200
    until(lambda: bool(usage(running)))
    return running


def usage(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """What the first example shows."""
    told = msgspec.json.decode(run(EXAMPLES[0], gateway, Path.cwd()))
    results: list[dict[str, Any]] = told["data"][0]["results"]
    return results


def run(command: str, gateway: GatewayProcess, folder: Path) -> bytes:
    return subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", gateway.url)],
        env={**os.environ, "ISTHMUS_ADMIN_KEY": ADMIN_KEY},
        cwd=folder,
        capture_output=True,
        check=True,
    ).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_examples_work(gateway: GatewayProcess, tmp_path: Path) -> None:
    (result,) = usage(gateway)
    assert (result["key"], result["model"], result["num_attempts"]) == ("team-a", "scripted/talker", 1)
    run(EXAMPLES[1], gateway, tmp_path)
    (row,) = csv.DictReader((tmp_path / "usage.csv").read_text().splitlines())
    assert (row["model"], row["finish_reason"]) == ("scripted/talker", "stop")


def test_every_dimension_column_and_cause_is_explained() -> None:
    words = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(DIMENSIONS) <= words
    assert {_SHOWN.get(name, name) for name in COLUMNS} <= words
    assert {*get_args(Cause), "cache", "worker_lost"} <= words
