"""Starts the mock upstream and the contenders in front of it, and tells when they answer."""

import http.client
import itertools
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.contenders import DIRECT, Contender, Ports
from benchmarks.processes import Tree, cores, wait_until
from benchmarks.scenarios import KEY, UNARY

_FIRST_PORT = 18_080
_START_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """A contender that answers."""

    contender: Contender
    program: Path
    tree: Tree
    port: int
    start_ms: float
    """From the start of the process to its first good answer."""

    @property
    def name(self) -> str:
        return self.contender.name

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Lets it run for a while; outside its turns it is frozen and costs the others nothing."""
        self.tree.thaw()
        try:
            yield
        finally:
            self.tree.freeze()


class Stage:
    """The mock upstream on one core and the contenders on another; all of them end with it."""

    def __init__(self, folder: Path) -> None:
        self.contender_core, self.load_core = cores()
        self._folder = folder
        self._ports = _free_ports()
        self._stack = ExitStack()

    def __enter__(self) -> "Stage":
        affinity = os.sched_getaffinity(0)
        self._stack.callback(os.sched_setaffinity, 0, affinity)
        os.sched_setaffinity(0, {self.load_core})  # the driver itself must not disturb what it measures
        self.upstream_port = next(self._ports)
        program = DIRECT.find()
        if program is None:
            raise FileNotFoundError(DIRECT.program)
        command = DIRECT.command(program, Ports(self.upstream_port, 0, 0), self._folder)
        self.upstream = Tree(command, self.load_core, self._folder / "upstream.log", {})
        self._stack.callback(self.upstream.stop)
        if not wait_until(lambda: answers(self.upstream_port), 5.0):
            raise TimeoutError("the mock upstream does not answer")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def start(self, contender: Contender, program: Path) -> Running | None:
        """Starts it and waits for its first good answer; nothing when that does not come."""
        ports = Ports(next(self._ports), next(self._ports), self.upstream_port)
        command = contender.command(program, ports, self._folder)
        begin = time.monotonic()
        tree = Tree(command, self.contender_core, self.log_of(contender), contender.environment)
        self._stack.callback(tree.stop)
        wait_until(lambda: not tree.alive or answers(ports.listen), _START_SECONDS)
        milliseconds = (time.monotonic() - begin) * 1e3
        if not tree.alive or not answers(ports.listen):
            tree.stop()
            return None
        return Running(contender, program, tree, ports.listen, milliseconds)

    def log_of(self, contender: Contender) -> Path:
        """What the contender printed."""
        return self._folder / f"{contender.name}.log"


def answers(port: int) -> bool:
    """Whether a chat completion comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    try:
        connection.request("POST", UNARY.path, UNARY.payload, headers)
        response = connection.getresponse()
        return UNARY.marker.encode() in response.read() and response.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_ports() -> Iterator[int]:
    """Below the range that outgoing connections take theirs from."""
    for port in itertools.count(_FIRST_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
