"""All that one worker tells of itself, put together from its configuration: metrics, request lines, traces."""

from collections.abc import Callable
from pathlib import Path

from config.schema import Config
from gateway.call import Call
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.health import Health
from gateway.observe.log import log_request
from gateway.observe.metrics import Gauges, Metrics
from gateway.observe.snapshots import Snapshots
from gateway.observe.trace import Tracer


class Observation:
    """What outlives reloads of it: the sinks of calls, the files of metrics, the exporter."""

    def __init__(self, config: Config, counters: Counters, estimates: Estimates, run_dir: Path, index: int) -> None:
        self.gauges: list[Gauges] = []
        """Rooms that hold something add a function that tells how much."""
        self.health = Health()
        self.tracer = Tracer()
        self.snapshots: Snapshots | None = None
        self.sinks: list[Callable[[Call], None]] = []
        if config.telemetry.metrics:
            metrics = Metrics(counters, self.gauges, estimates)
            self.snapshots = Snapshots(metrics, run_dir / "metrics", index)
            self.sinks.append(metrics)
        if config.server.request_log:
            self.sinks.append(log_request)
        self.gauges.append(self.health.gauges)

    def start(self) -> None:
        """Begin to tell."""
        if self.snapshots is not None:
            self.snapshots.start()

    async def close(self) -> None:
        """Tell the last of it."""
        if self.snapshots is not None:
            await self.snapshots.close()
