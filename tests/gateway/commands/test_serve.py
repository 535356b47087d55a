"""`isthmus serve`: what it refuses, and what it says when it starts."""

import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import StartGateway
from tests.gateway.commands.conftest import Isthmus
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream
from tests.upstream.script import PATIENCE


def test_a_port_that_is_taken_is_said_so(isthmus: Isthmus) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = isthmus("serve", "--port", str(port))
    assert done.returncode == 1
    assert f"Can't listen at 127.0.0.1 port {port}: Address already in use." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "99999"), "port"),
        (("--workers", "0"), "workers"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
        (("--host", "0.0.0.0"), "keys"),
        (("--config", "wrong.yaml"), "servre"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    isthmus: Isthmus, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "wrong.yaml").write_text("servre: {}\n")
    done = isthmus("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_line_to_try_works_when_pasted(start_gateway: StartGateway, upstream: Upstream, workers: str) -> None:
    models = {"m": {"deployments": [{"provider": "scripted", "model": "talker"}]}}
    said = everything_said(start_gateway(None, "--workers", workers, models=models))
    assert re.search(r"m +talker at scripted", said)
    command = said[said.index("curl ") : said.index("\n\nWith an OpenAI SDK")].replace("curl", "curl -s", 1)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    answer = json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert answer == "You said: What is the capital of France?"


def everything_said(running: GatewayProcess) -> str:
    """What it prints when it starts, to the last line."""
    until = time.monotonic() + PATIENCE
    while "Ctrl-C" not in "".join(running.printed):
        assert time.monotonic() < until, running.printed
        time.sleep(0.01)
    return "".join(running.printed)


def test_the_parent_of_several_workers_has_nothing_of_what_serves(start_gateway: StartGateway) -> None:
    gateway = start_gateway({"workers": 2})
    loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in (gateway.process.pid, *gateway.children())]
    assert ["uvloop" in each for each in loaded] == [False, True, True]
