"""What this worker holds at the moment: connections, bodies, memory."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.observe.metrics import Gauge

if TYPE_CHECKING:
    from gateway.api.bodies import Bodies
    from gateway.onion import Live
    from gateway.server.listener import Listener

_STATM = Path("/proc/self/statm")


class Holdings:
    """Reads the gauges of one worker."""

    def __init__(self, live: "Live", listener: "Listener", bodies: "Bodies") -> None:
        self._live = live
        self._listener = listener
        self._bodies = bodies

    def __call__(self) -> Iterable[Gauge]:
        """How much there is of each."""
        onion = self._live.onion
        yield "requests_in_flight", (), onion.running.count
        yield "held_bytes", (), self._bodies.held
        yield "cache_bytes", (), self._live.around.kept.answers.size
        yield "client_connections", (), self._listener.connections
        yield "memory_bytes", (), resident_bytes()
        for name, provider in onion.providers.items():
            connections, waiting = provider.load()
            yield "upstream_connections", (name,), connections
            yield "upstream_queue", (name,), waiting


def resident_bytes() -> int:
    """Memory that this process has (proc(5)); 0 where the system does not tell it so."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
