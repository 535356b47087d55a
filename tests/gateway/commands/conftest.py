"""The command line as users run it: a process of its own, in a folder of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Isthmus = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def isthmus(tmp_path: Path) -> Isthmus:
    """Runs `isthmus` with these arguments."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run
