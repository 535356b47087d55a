"""Exports traces and metrics to an OpenTelemetry collector, in a thread of its own: a slow or dead one delays nobody.

Only imported where `telemetry.otlp` is configured; needs the extra `otel`.
"""

import logging
import queue
import threading
import time
import uuid
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from config.telemetry import Otlp
from gateway.call import Call
from gateway.observe.counters import Counters
from gateway.observe.metrics import Metrics
from gateway.observe.otlp_metrics import metrics_of
from gateway.observe.otlp_spans import Finished, spans_of

log = logging.getLogger("isthmus.otlp")

_WAITING_MAX = 4_096
_WAITING_BYTES_MAX = 33_554_432
_BATCH = 256
_LINGER_SECONDS = 1.0
"""A batch waits this long for more."""
_METRICS_SECONDS = 15.0
_EXPORT_SECONDS = 5.0
_CLOSE_SECONDS = 3.0


class OtlpExporter:
    """A sink of calls; those of sampled traces become spans."""

    def __init__(self, settings: Otlp, counters: Counters, metrics: Metrics) -> None:
        base = settings.endpoint.rstrip("/")
        self._traces = OTLPSpanExporter(f"{base}/v1/traces", headers=settings.headers, timeout=_EXPORT_SECONDS)
        self._metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=settings.headers, timeout=_EXPORT_SECONDS)
        self._content = settings.content
        self._counted = metrics
        self._counters = counters
        for outcome in ("exported", "refused", "crowded"):
            counters.add("otlp_calls", outcome, amount=0)  # the thread must add no name while others read them
        self._waiting: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._put = self._taken = 0
        """Bytes: each is written by one thread alone."""
        self._failing = False
        self._since = time.time_ns()
        self._resource = Resource(
            {
                "service.name": settings.service,
                "service.version": version("isthmus"),
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        _quiet()
        self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
        self._thread.start()

    def __call__(self, call: Call) -> None:
        """Queue a call, where its trace is sampled and there is room."""
        trace = call.trace
        if trace is None or not trace.sampled:
            return
        if self._waiting.qsize() >= _WAITING_MAX or self._put - self._taken > _WAITING_BYTES_MAX:
            self._counters.add("otlp_calls", "crowded")
            return
        done = Finished(call, trace, self._content)
        self._put += done.size
        self._waiting.put(done)

    def close(self) -> None:
        """Export the last of it, as far as the collector takes it soon. Blocks."""
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        due = time.monotonic() + _METRICS_SECONDS
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            if batch:
                self._export(batch)
            if not is_open or time.monotonic() >= due:
                due = time.monotonic() + _METRICS_SECONDS
                self._export_metrics()

    def _next_batch(self) -> tuple[list[Finished], bool]:
        """Calls that wait, and whether there may be more."""
        batch: list[Finished] = []
        until = time.monotonic() + _LINGER_SECONDS
        while len(batch) < _BATCH:
            try:
                done = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if done is None:
                return batch, False
            self._taken += done.size
            batch.append(done)
        return batch, True

    def _export(self, batch: list[Finished]) -> None:
        spans: list[ReadableSpan] = []
        for done in batch:
            try:
                spans += spans_of(done, self._resource, self._content)
            except Exception:
                log.exception("%s has no spans", done.call.request_id)
        try:
            result = self._traces.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live on
            result = SpanExportResult.FAILURE
            log.debug("export: %s", error)
        went = result is SpanExportResult.SUCCESS
        self._counters.add("otlp_calls", "exported" if went else "refused", amount=len(batch))
        self._tell(went)

    def _export_metrics(self) -> None:
        now = time.time_ns()
        try:
            result = self._metrics.export(metrics_of(self._counted.tables, self._resource, self._since, now))
        except Exception as error:  # noqa: BLE001 - the same
            result = MetricExportResult.FAILURE
            log.debug("export: %s", error)
        self._tell(result is MetricExportResult.SUCCESS)

    def _tell(self, went: bool) -> None:
        """One line when it begins to fail, and one when it no longer does."""
        if went is self._failing:
            self._failing = not went
            if went:
                log.info("the collector takes telemetry again")
            else:
                log.warning("the collector does not take telemetry: spans are dropped and counted meanwhile")


def _quiet() -> None:
    """The library tells every failed try with its traceback; ours is one line."""
    library = logging.getLogger("opentelemetry")
    library.handlers[:] = [logging.NullHandler()]
    library.propagate = False
