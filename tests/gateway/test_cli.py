"""How the command line ends when it is interrupted or nobody reads."""

import os
import subprocess
import sys
from argparse import Namespace

import pytest

from gateway import cli
from gateway.commands import version


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
