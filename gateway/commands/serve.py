"""`isthmus serve`: run the gateway, with one worker in this process or several under it."""

import gc
import socket
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from config.mistakes import ConfigError
from config.schema import Config
from gateway.commands.configuration import LISTENING, Said, complain, file_of, log_faults, read, reread
from gateway.commands.welcome import welcome
from gateway.observe import log
from gateway.server.listener import bind
from gateway.state.in_flight import InFlight
from gateway.workers import Workers


def run(arguments: Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    path = file_of(arguments)
    said: Said = {name: value for name in LISTENING if (value := getattr(arguments, name)) is not None}
    try:
        config = read(path, said)
    except ConfigError as error:
        return complain(error)
    log.configure(config.telemetry.log)
    log_faults(config)
    server = config.server
    try:
        sock = bind(server.host, server.port, shared=server.workers > 1)
    except OSError as error:
        print(f"Can't listen at {server.host} port {server.port}: {error.strerror}.", file=sys.stderr)
        return 1
    port: int = sock.getsockname()[1]
    # A short path: a Unix socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="isthmus-") as run_dir, sock:
        if server.workers > 1:
            return _run_workers(config, path, said, port, Path(run_dir))
        running: Said = {name: getattr(server, name) for name in LISTENING}
        _run_alone(config, lambda: reread(path, said, running), sock, Path(run_dir))
    return 0


def _run_alone(config: Config, reload: Callable[[], tuple[Config, Config]], sock: socket.socket, run_dir: Path) -> None:
    """Serve in this process."""
    # What serves costs time and memory, which the parent of several workers should not pay.
    from gateway.serve import Worker
    from gateway.serve import run as run_worker

    port: int = sock.getsockname()[1]
    run_worker(Worker(config, reload, sock, InFlight(), run_dir, ready=lambda: welcome(config, port)))


def _run_workers(config: Config, path: Path | None, said: Said, port: int, run_dir: Path) -> int:
    """Run several workers; the socket in this process only holds the port for them."""
    server = config.server
    in_flight = InFlight(workers=server.workers)

    def command(index: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gateway", "worker"),
            *(("--config", str(path)) if path else ()),
            *("--host", server.host, "--port", str(server.port), "--workers", str(server.workers)),
            *("--bound-port", str(port), "--said", *said),
            *("--index", str(index), "--in-flight", str(in_flight.fileno()), "--run-dir", str(run_dir)),
        ]

    gc.enable()
    workers = Workers(server.workers, command, in_flight)
    return workers.run(server.drain_seconds, ready=lambda: welcome(config, port))
