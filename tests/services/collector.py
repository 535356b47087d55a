"""An OpenTelemetry collector: takes what is exported over HTTP, decodes it, and does what a test wants besides."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.upstream.script import PATIENCE


@dataclass(frozen=True)
class Span:
    """One span as it was exported."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    attributes: dict[str, Any]
    start: int
    end: int


class Collector:
    """What has come in."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.metrics: dict[str, list[Any]] = {}
        self.resource: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.status = 200
        self.stall = threading.Event()
        self.stall.set()
        """Cleared by a test that wants a collector which does not answer."""
        self.tried = threading.Event()
        self._came = threading.Condition()
        self.url = ""

    def take(self, path: str, raw: bytes) -> None:
        """Decode and keep."""
        with self._came:
            if path == "/v1/traces":
                self._take_traces(ExportTraceServiceRequest.FromString(raw))
            else:
                self._take_metrics(ExportMetricsServiceRequest.FromString(raw))
            self._came.notify_all()

    def of_trace(self, trace: str, count: int) -> list[Span]:
        """The spans of a trace, waiting for so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self._of(trace)) >= count, PATIENCE), self.spans
            return sorted(self._of(trace), key=lambda span: (span.start, span.kind))

    def metric(self, name: str) -> list[Any]:
        """The points of a metric, waiting for them."""
        with self._came:
            assert self._came.wait_for(lambda: name in self.metrics, 2 * PATIENCE), self.metrics
            return self.metrics[name]

    def _of(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]

    def _take_traces(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.resource = attributes(resource.resource)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                    times = (span.start_time_unix_nano, span.end_time_unix_nano)
                    failed = span.status.code == 2
                    self.spans.append(Span(span.name, *ids, span.kind, failed, attributes(span), *times))

    def _take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.metrics[metric.name] = list(metric.histogram.data_points)


def attributes(of: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {pair.key: plain(pair.value) for pair in of.attributes}


def plain(value: Any) -> Any:
    """A value as Python has it."""
    kind = value.WhichOneof("value")
    return [plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@contextmanager
def running_collector() -> Iterator[Collector]:
    """One that listens."""
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            collector.headers = {name.lower(): value for name, value in self.headers.items()}
            collector.tried.set()
            collector.stall.wait(PATIENCE)
            if collector.status == 200:
                collector.take(self.path, raw)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Not a word."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield collector
    finally:
        collector.stall.set()
        server.shutdown()
        server.server_close()
