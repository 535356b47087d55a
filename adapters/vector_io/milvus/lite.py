"""Milvus Lite over a folder, seen from the gateway: its process, which all workers share."""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.02
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Of the gateway's environment, which also holds providers' keys."""


class LiteFault(Exception):
    """It can't be started; the text says why."""


class Lite:
    """Whichever worker gets the lock starts the process; when that worker dies, the process ends and another does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        """How often it was started here."""
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
        # A socket's path has to be short, and the folder's may not be.
        self._sockets = Path(tempfile.gettempdir(), f"isthmus-milvus-{os.getuid()}")
        self._socket = self._sockets / name

    def address(self) -> str:
        """Where it listens, once it does. Blocks while it starts. Raises LiteFault."""
        with self._guard:
            if self._process is None or self._process.poll() is not None:
                self._make_sure()
            return f"unix:{self._socket}"

    def close(self) -> None:
        """End the process, where it is ours."""
        with self._guard:
            if self._process is not None:
                self._end(self._process)
                self._process = None
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _make_sure(self) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        if self._sockets.stat().st_uid != os.getuid() or self._sockets.stat().st_mode & 0o077:
            raise LiteFault(f"{self._sockets} is not this user's alone")
        deadline = time.monotonic() + _START_SECONDS
        while not self._locked():
            if self._socket.exists():
                return
            if time.monotonic() > deadline:
                raise LiteFault("the worker that has the folder open does not start it")
            time.sleep(_LOOK_SECONDS)
        self._start()

    def _locked(self) -> bool:
        """Whether the folder is this process' own to serve."""
        if self._lock is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "SERVED").open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
        return True

    def _start(self) -> None:
        assert self._lock is not None  # noqa: S101 - only who has it starts
        self._socket.unlink(missing_ok=True)
        process = subprocess.Popen(  # noqa: S603 - of this package
            [sys.executable, "-m", "adapters.vector_io.milvus.lite_server", str(self._folder), str(self._socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
            pass_fds=[self._lock.fileno()],
            start_new_session=True,  # Ctrl-C is the gateway's to handle
        )
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if process.stdout.readline() != b"ready\n":
            self._end(process)
            raise LiteFault(f"Milvus Lite does not start over {self._folder}: another program may have it open")
        self._process = process
        self.starts += 1

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._socket.unlink(missing_ok=True)
