"""The npm packages that the tests of Node clients need, installed once beside `node/package.json`."""

import fcntl
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("node")
_OLDEST_NODE = 18
_INSTALL_SECONDS = 300


def node() -> str:
    """The `node` to run, with the packages in place; skips the test where that can't be had."""
    reason = _missing()
    if reason:
        pytest.skip(reason)
    return str(shutil.which("node"))


@cache
def _missing() -> str | None:
    """Why the tests can't run, None when they can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node.js and npm are not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < _OLDEST_NODE:
        return f"Node.js {version} is older than {_OLDEST_NODE}"
    with (FOLDER / "package.json").open() as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)  # tests of several processes may come here at once
        return _install()


def _install() -> str | None:
    """Put the packages in place; why that can't be done, None when it is."""
    stamp = FOLDER / "node_modules" / ".installed"
    lock = (FOLDER / "package-lock.json").read_text()
    if stamp.exists() and stamp.read_text() == lock:
        return None
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    if done.returncode:
        return f"npm could not install the packages: {done.stderr.strip()[-300:]}"
    stamp.write_text(lock)
    return None
