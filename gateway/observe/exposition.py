"""Prometheus' text format, from the tables of all workers."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.observe.families import CALLS, EVENTS, GAUGES, PREFIX, Family
from gateway.observe.tables import (
    FIRST_TOKEN_SECONDS,
    LAG_SECONDS,
    SECONDS,
    TOKEN_SECONDS,
    TOKENS,
    Bounds,
    Histogram,
    Tables,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_USD_PER_NANO = 1e-9

Labels = tuple[str, ...]


def expose(tables: Tables) -> bytes:
    """The tables as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Tables(tables))
    return generate_latest(registry)


class _Tables(Collector):
    """What the client library is told: every family, with its samples."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def describe(self) -> list[Metric]:
        """Nothing ahead of time: a registry that lives for one answer has no names to compare."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        counts = _counts(self._tables)
        histograms = _histograms(self._tables)
        for family in CALLS:
            if family.kind == "histogram":
                yield _histogram_family(family, *histograms[family.name])
            else:
                yield _counter_family(family, counts[family.name])
        for family in EVENTS:
            yield _counter_family(family, _named(self._tables.events, family))
        for family in GAUGES:
            gauge = GaugeMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
            for labels, value in _named(self._tables.gauges, family).items():
                gauge.add_metric(labels, value)
            yield gauge


def _named(values: dict[Labels, float], family: Family) -> dict[Labels, float]:
    return {key[1:]: value for key, value in values.items() if key[0] == family.name}


def _counter_family(family: Family, values: dict[Labels, float]) -> Metric:
    counter = CounterMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        counter.add_metric(labels, value)
    if not family.labels and not values:
        counter.add_metric((), 0)
    return counter


def _histogram_family(family: Family, bounds: Bounds, rows: dict[Labels, Histogram]) -> Metric:
    shown = HistogramMetricFamily(PREFIX + family.name, family.help, labels=family.labels)
    names = [*(f"{bound:g}" if bound < 1 else str(bound) for bound in bounds), "+Inf"]
    for labels, row in rows.items():
        shown.add_metric(labels, list(zip(names, accumulate(row.counts), strict=True)), row.sum)
    return shown


def _counts(tables: Tables) -> dict[str, dict[Labels, float]]:
    """The counters of CALLS."""
    counts: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
    for (operation, route, key, status, cache), count in tables.requests.items():
        counts["requests"][operation, route, key, str(status)] += count
        if cache:
            counts["cache_requests"][route, cache] += count
    for answer, row in tables.answers.items():
        if answer[-1]:
            counts["errors"][answer] += sum(row.duration.counts)
    for attempt, durations in tables.attempts.items():
        counts["attempts"][attempt] += sum(durations.counts)
    for (key, provider, model), spent in tables.spent.items():
        for name in ("prompt", "completion", "cached", "cache_write", "reasoning"):
            if amount := getattr(spent, name):
                counts["tokens"][key, provider, model, name] += amount
        counts["cost_usd"][key, provider, model] += spent.cost * _USD_PER_NANO
        counts["estimated_tokens"][provider, model] += spent.estimated
        counts["unpriced_attempts"][provider, model] += spent.unpriced
    return counts


def _histograms(tables: Tables) -> dict[str, tuple[Bounds, dict[Labels, Histogram]]]:
    """The histograms of CALLS, those without a value left out."""
    durations: dict[Labels, Histogram] = {}
    firsts: dict[Labels, Histogram] = {}
    tokens: dict[Labels, Histogram] = {}
    sizes: dict[Labels, Histogram] = {}
    attempts: dict[Labels, Histogram] = {}
    for (*answered_by, _), row in tables.answers.items():
        labels = tuple(answered_by)
        _put(durations, labels, row.duration)
        _put(firsts, labels, row.first_token)
        _put(tokens, labels, row.token)
        _put(sizes, (*labels, "prompt"), row.prompt)
        _put(sizes, (*labels, "completion"), row.completion)
    for (operation, provider, model, _, _), seconds in tables.attempts.items():
        _put(attempts, (operation, provider, model), seconds)
    return {
        "request_duration_seconds": (SECONDS, durations),
        "time_to_first_token_seconds": (FIRST_TOKEN_SECONDS, firsts),
        "time_per_output_token_seconds": (TOKEN_SECONDS, tokens),
        "request_tokens": (TOKENS, sizes),
        "attempt_duration_seconds": (SECONDS, attempts),
        "event_loop_lag_seconds": (LAG_SECONDS, {(): tables.lag}),
    }


def _put(rows: dict[Labels, Histogram], labels: Labels, row: Histogram) -> None:
    """Sum a row into those with its labels; a row of the tables themselves is left as it is."""
    if not any(row.counts):
        return
    known = rows.get(labels)
    if known is None:
        known = rows[labels] = Histogram([0] * len(row.counts))
    known.add(row)
