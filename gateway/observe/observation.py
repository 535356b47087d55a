"""All that one worker tells of itself, put together from its configuration: metrics, request lines, traces."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from config.schema import Config
from config.telemetry import Otlp
from gateway.call import Call
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.health import Health
from gateway.observe.log import log_request
from gateway.observe.metrics import Gauges, Metrics
from gateway.observe.snapshots import Snapshots
from gateway.observe.trace import Tracer

if TYPE_CHECKING:
    from gateway.observe.otlp import OtlpExporter

log = logging.getLogger("isthmus.otlp")


class Observation:
    """What outlives reloads of it: the sinks of calls, the files of metrics, the exporter."""

    def __init__(self, config: Config, counters: Counters, estimates: Estimates, run_dir: Path, index: int) -> None:
        self.gauges: list[Gauges] = []
        """Rooms that hold something add a function that tells how much."""
        self.health = Health()
        self.tracer = Tracer()
        self.snapshots: Snapshots | None = None
        self.sinks: list[Callable[[Call], None]] = []
        self._exporter: OtlpExporter | None = None
        otlp = config.telemetry.otlp
        metrics = Metrics(counters, self.gauges, estimates)
        if config.telemetry.metrics or otlp is not None:
            self.sinks.append(metrics)
        if config.telemetry.metrics:
            self.snapshots = Snapshots(metrics, run_dir / "metrics", index)
        if otlp is not None and (exporter := _exporter(otlp, counters, metrics)) is not None:
            self._exporter = exporter
            self.tracer = Tracer(otlp.sample)
            self.sinks.append(exporter)
        if config.server.request_log:
            self.sinks.append(log_request)
        self.gauges.append(self.health.gauges)

    def start(self) -> None:
        """Begin to tell."""
        if self.snapshots is not None:
            self.snapshots.start()

    async def close(self) -> None:
        """Tell the last of it."""
        if self._exporter is not None:
            await asyncio.to_thread(self._exporter.close)
        if self.snapshots is not None:
            await self.snapshots.close()


def _exporter(settings: Otlp, counters: Counters, metrics: Metrics) -> "OtlpExporter | None":
    """The exporter; its library costs time and memory that nobody else should pay."""
    try:
        from gateway.observe.otlp import OtlpExporter
    except ImportError as error:
        log.error("telemetry.otlp needs the extra otel (pip install isthmus[otel]): %s", error)
        return None
    return OtlpExporter(settings, counters, metrics)
