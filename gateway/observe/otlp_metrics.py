"""OpenTelemetry's metrics for generative AI, read from the tables that /metrics is made of: they cost no call anything.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-metrics.md
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource

from gateway.observe import tables
from gateway.observe.otlp_spans import OPERATIONS, SCOPE
from gateway.observe.tables import FIRST_TOKEN_SECONDS, SECONDS, TOKEN_SECONDS, TOKENS, Bounds, Tables

_DURATION = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
"""Bounds as the conventions ask for; ours have these and more."""

Attributes = Mapping[str, str]
Row = tuple[Attributes, tables.Histogram]


def metrics_of(counted: Tables, resource: Resource, since: int, now: int) -> MetricsData:
    """What has been counted from one moment to another, both in nanoseconds since 1970."""
    rows = [
        ("gen_ai.client.operation.duration", "s", "GenAI operation duration.", SECONDS, _DURATION, _durations(counted)),
        (
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            TOKENS,
            TOKENS,
            _usage(counted),
        ),
        (
            "gen_ai.server.time_to_first_token",
            "s",
            "Time to generate first token for successful responses.",
            FIRST_TOKEN_SECONDS,
            _FIRST_TOKEN,
            ((labels, row.first_token) for labels, row in _answers(counted)),
        ),
        (
            "gen_ai.server.time_per_output_token",
            "s",
            "Time per output token generated after the first token for successful responses.",
            TOKEN_SECONDS,
            _TOKEN,
            ((labels, row.token) for labels, row in _answers(counted)),
        ),
    ]
    metrics = []
    for name, unit, description, bounds, wanted, found in rows:
        points = [_point(labels, row, bounds, wanted, since, now) for labels, row in found if any(row.counts)]
        if points:
            metrics.append(Metric(name, description, unit, Histogram(points, AggregationTemporality.CUMULATIVE)))
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(SCOPE, metrics, "")], "")])


def _durations(counted: Tables) -> Iterator[Row]:
    for (operation, provider, model, cause, outcome), row in list(counted.attempts.items()):
        labels = {**_labels(operation, provider, model), "isthmus.attempt.cause": cause}
        yield (labels if outcome == "ok" else {**labels, "error.type": outcome}), row


def _answers(counted: Tables) -> Iterator[tuple[Attributes, tables.Answers]]:
    for (operation, route, provider, model, code), row in list(counted.answers.items()):
        labels = {**_labels(operation, provider, model), "isthmus.route": route}
        yield (labels if not code else {**labels, "error.type": code}), row


def _usage(counted: Tables) -> Iterator[Row]:
    for labels, row in _answers(counted):
        yield {**labels, "gen_ai.token.type": "input"}, row.prompt
        yield {**labels, "gen_ai.token.type": "output"}, row.completion


def _labels(operation: str, provider: str, model: str) -> dict[str, str]:
    """`gen_ai.provider.name` is the operator's own name here: two providers of one kind must not be one series."""
    return {
        "gen_ai.operation.name": OPERATIONS.get(operation, operation),
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }


def _point(
    labels: Attributes, row: tables.Histogram, bounds: Bounds, wanted: Bounds, since: int, now: int
) -> HistogramDataPoint:
    counts = coarser(row.counts, bounds, wanted)
    return HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=since,
        time_unix_nano=now,
        count=sum(counts),
        sum=row.sum,
        bucket_counts=counts,
        explicit_bounds=wanted,
        min=None,  # type: ignore[arg-type]  # optional on the wire, and not known
        max=None,  # type: ignore[arg-type]
    )


def coarser(counts: list[int], bounds: Bounds, wanted: Bounds) -> list[int]:
    """Counts between fewer bounds, each of which is one of ours."""
    summed = [0] * (len(wanted) + 1)
    for index, count in enumerate(counts):
        upper = bounds[index] if index < len(bounds) else float("inf")
        summed[bisect_left(wanted, upper)] += count
    return summed
