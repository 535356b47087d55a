"""When the command line looks for garbage, and how it ends when it is interrupted or nobody reads."""

import gc
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from gateway import cli
from gateway.commands import version

WATCHED = """
import gc, os, signal, sys
from gateway import cli, onion
from gateway.commands import serve

def build(*arguments, build=onion.build):
    print("building", gc.isenabled())
    return build(*arguments)

def welcome(config, port):
    print("serving", gc.isenabled())
    os.kill(os.getpid(), signal.SIGTERM)

onion.build, serve.welcome = build, welcome
sys.exit(cli.main(["serve", "--config", sys.argv[1]]))
"""


def test_garbage_is_not_looked_for_before_a_gateway_serves_and_is_from_then_on(tmp_path: Path) -> None:
    config = tmp_path / "isthmus.yaml"
    config.write_text("{server: {port: 0}, providers: {mock: {dialect: openai, base_url: 'http://127.0.0.1:9/v1'}}}")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(config)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["building", "False", "serving", "True"]


def test_garbage_is_looked_for_after_a_command() -> None:
    assert cli.main(["version"]) == 0
    assert gc.isenabled()


def test_an_interrupted_command_is_a_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(version, "run", interrupted)
    assert cli.main(["version"]) == 130


def test_a_reader_that_leaves_ends_a_command_in_silence() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "gateway", "schema"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
