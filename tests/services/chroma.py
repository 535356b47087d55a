"""A real Chroma server: `chroma run`, as its package has it."""

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.services.redis import free_port

_START_SECONDS = 60.0


class ChromaServer:
    """One server with a folder and a port of its own. Use it as a context."""

    def __init__(self) -> None:
        if importlib.util.find_spec("chromadb") is None:
            pytest.skip("the extra chroma is not installed")
        self._folder = Path(tempfile.mkdtemp(prefix="isthmus-chroma-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self) -> "ChromaServer":
        """Start it."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        program = Path(sys.executable).with_name("chroma")
        where = ("--path", str(self._folder), "--host", "127.0.0.1", "--port", str(self.port))
        self._process = subprocess.Popen(
            [program, "run", *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            assert self._process.poll() is None, "chroma did not start"
            assert time.monotonic() < deadline, "chroma does not listen"
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
