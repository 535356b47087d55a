"""A gateway as users run it: a process of its own, started with a configuration and ended with a signal."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

_START_SECONDS = 60.0
_STOP_SECONDS = 45.0
_SERVES = re.compile(r"Isthmus serves (https?://\S+)/v1")
_FAULTS = ("Traceback (most recent call last)", "was never retrieved", "was destroyed but it is pending")


class GatewayProcess:
    """A running `isthmus serve`. Use it as a context: it is told to stop at the end, and must end well."""

    def __init__(self, config: Mapping[str, Any], folder: Path, *arguments: str) -> None:
        self.config = dict(config)
        """What it was started with."""
        self.config_file = folder / "isthmus.yaml"
        self._log_file = folder / "gateway.log"
        self.write_config(config)
        self.printed: list[str] = []
        self.may_fault = False
        """Set by a test that gives it code which raises: tracebacks are right in its log."""
        self._was_killed = False
        self._said = threading.Event()
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self.config_file), *arguments]
        with self._log_file.open("wb") as log:
            # A session of its own, so that a test can press Ctrl-C as a terminal does: for the whole group.
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> "GatewayProcess":
        """Wait until it takes requests."""
        if not self._said.wait(_START_SECONDS) or not self.url:
            self.process.kill()
            raise AssertionError(f"the gateway did not start: {self.printed}\n{self.log}")
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it, unless the test did."""
        if self._was_killed:
            return
        try:
            if self.process.poll() is None:
                self.terminate()
            assert self.wait() == 0, self.log
            if not self.may_fault:
                self.assert_no_fault()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        found = _SERVES.search("".join(self.printed))
        return found[1] if found else ""

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return f"{self.url}/v1"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        """Everything it has logged so far."""
        return self._log_file.read_text()

    @property
    def memory(self) -> int:
        """Bytes it has in memory (VmRSS of proc(5))."""
        return self._status("VmRSS") * 1024

    @property
    def peak_memory(self) -> int:
        """Bytes it has had in memory at most (VmHWM of proc(5))."""
        return self._status("VmHWM") * 1024

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Change its file; it looks at it when told to reload."""
        self.config_file.write_text(yaml.safe_dump(dict(config)))

    def terminate(self) -> None:
        """Tell it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        self._was_killed = True
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def press_ctrl_c(self) -> None:
        """Do what a terminal does: every process of the foreground group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def children(self) -> list[int]:
        """The processes it has started (proc(5))."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def wait(self) -> int:
        """Wait for its end; give its exit code."""
        return self.process.wait(_STOP_SECONDS)

    def assert_no_fault(self, secrets: Iterable[str] = ()) -> None:
        """Its log tells no fault of its own, and none of these secrets."""
        log = self.log
        assert not [fault for fault in _FAULTS if fault in log], log
        assert not [secret for secret in secrets if secret in log], log

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:")))

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)
            if _SERVES.search(line):
                self._said.set()
        self._said.set()


def lives(pid: int) -> bool:
    """Whether a process runs, or at least has not been reaped as dead (proc(5))."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
