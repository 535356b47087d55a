"""Several workers on one port: started, watched, restarted after a crash, told to reload and to stop."""

import ctypes
import logging
import signal
import subprocess
import time
from collections.abc import Callable
from types import FrameType

from gateway.state.in_flight import InFlight

log = logging.getLogger("isthmus.workers")

READY = b"ready\n"
"""What a worker writes to its standard output once it takes requests."""
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.2
_RESTART_SECONDS = 1.0
"""A worker that dies sooner than this after its start is restarted this much later, so that a crash loop stays slow."""
_GRACE_SECONDS = 5.0


class Workers:
    """The parent of `count` worker processes; it serves nothing itself."""

    def __init__(self, count: int, command: Callable[[int], list[str]], in_flight: InFlight) -> None:
        self._count = count
        self._command = command
        self._in_flight = in_flight
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self, drain_seconds: float, ready: Callable[[], None]) -> int:
        """Run until a signal ends it; give the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        for index in range(self._count):
            self._start(index)
        if not all(self._is_ready(index) for index in range(self._count)) and not self._stopping:
            self._stop(signal.SIGTERM, None)
            self._wait(_GRACE_SECONDS)
            return 1
        ready()
        while not self._stopping:
            time.sleep(_POLL_SECONDS)
            self._revive()
        self._wait(drain_seconds + _GRACE_SECONDS)
        return 0

    def _start(self, index: int) -> None:
        self._started[index] = time.monotonic()
        self._processes[index] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command(index),
            pass_fds=(self._in_flight.fileno(),),
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the parent only, which tells the workers to drain
        )

    def _is_ready(self, index: int) -> bool:
        output = self._processes[index].stdout
        return output is not None and output.readline() == READY

    def _revive(self) -> None:
        for index, process in self._processes.items():
            if process.poll() is None or self._stopping:
                continue
            self._in_flight.forget(index)
            log.error("worker %d ended with code %s: starting it again", index, process.returncode)
            if time.monotonic() - self._started[index] < _RESTART_SECONDS:
                time.sleep(_RESTART_SECONDS)
            self._start(index)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        self._signal(signal.SIGTERM)

    def _reload(self, number: int, frame: FrameType | None) -> None:
        self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.send_signal(number)


def end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent dies, however that happens (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
