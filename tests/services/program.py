"""A server that is a program of a package, with a folder and a port of its own."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pytest

from tests.services.redis import free_port

_START_SECONDS = 60.0
_Self = TypeVar("_Self", bound="Program")


class Program:
    """Use it as a context. `command` makes the command line from folder and port."""

    def __init__(self, name: str, module: str, command: Callable[[Path, int], Sequence[str | Path]]) -> None:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
        self._name = name
        self._command = command
        self._folder = Path(tempfile.mkdtemp(prefix=f"isthmus-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self: _Self) -> _Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._process = subprocess.Popen(
            self._command(self._folder, self.port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            assert self._process.poll() is None, f"{self._name} did not start"
            assert time.monotonic() < deadline, f"{self._name} does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False
