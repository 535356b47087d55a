"""`isthmus worker`: one of several, started by `isthmus serve --workers N`."""

import os
import sys
from argparse import Namespace

from config.mistakes import ConfigError
from gateway.commands.configuration import LISTENING, Said, complain, read, reread
from gateway.observe import log
from gateway.serve import Worker
from gateway.serve import run as run_worker
from gateway.server.listener import bind
from gateway.state.in_flight import InFlight
from gateway.workers import READY, end_with_parent


def run(arguments: Namespace) -> int:
    """Serve until the parent says to stop, or is gone."""
    end_with_parent()
    running: Said = {name: getattr(arguments, name) for name in LISTENING}
    said: Said = {name: running[name] for name in arguments.said}
    try:
        config = read(arguments.config, running)
    except ConfigError as error:
        return complain(error)
    log.configure(config.telemetry.log)
    in_flight = InFlight(arguments.in_flight, arguments.index, arguments.workers)
    with bind(arguments.host, arguments.bound_port, shared=True) as sock:
        run_worker(
            Worker(
                config=config,
                reload=lambda: reread(arguments.config, said, running),
                sock=sock,
                in_flight=in_flight,
                run_dir=arguments.run_dir,
                index=arguments.index,
                ready=lambda: _tell_parent(),
            )
        )
    return 0


def _tell_parent() -> None:
    os.write(sys.stdout.fileno(), READY)
