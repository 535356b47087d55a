"""Every family of metrics: its name, its labels, and what it means. docs/telemetry.md shows the same table.

Names and units by Prometheus' rules: https://prometheus.io/docs/practices/naming/
"""

from typing import Literal

from msgspec import Struct

PREFIX = "isthmus_"

Kind = Literal["counter", "gauge", "histogram"]


class Family(Struct, frozen=True):
    """What one family of metrics tells."""

    name: str
    """Without the prefix, and without the `_total` of counters."""
    kind: Kind
    labels: tuple[str, ...]
    help: str
    over: Literal["sum", "max", "min"] = "sum"
    """What becomes of a gauge that several workers have."""

    @property
    def shown(self) -> str:
        """The name that Prometheus has it under."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


_ANSWERED_BY = ("operation", "route", "provider", "model")

CALLS = (
    Family(
        "requests",
        "counter",
        ("operation", "route", "key", "status"),
        "Requests, by what the client was told; 499 where it left before.",
    ),
    Family(
        "request_duration_seconds",
        "histogram",
        _ANSWERED_BY,
        "From a request's coming in to its last byte; provider and model are the last that were asked.",
    ),
    Family("errors", "counter", (*_ANSWERED_BY, "code"), "Requests that ended with an error, by its code."),
    Family(
        "time_to_first_token_seconds",
        "histogram",
        _ANSWERED_BY,
        "From a request's coming in to the first content of its stream.",
    ),
    Family(
        "time_per_output_token_seconds",
        "histogram",
        _ANSWERED_BY,
        "The mean time between a stream's tokens after the first.",
    ),
    Family(
        "request_tokens",
        "histogram",
        (*_ANSWERED_BY, "class"),
        "Tokens of one request, as the client was told: prompt and completion.",
    ),
    Family("cache_requests", "counter", ("route", "result"), "Requests of routes that cache, by what the cache said."),
    Family(
        "attempts",
        "counter",
        ("operation", "provider", "model", "cause", "outcome"),
        "Tries at a provider: why each was made and what became of it.",
    ),
    Family(
        "attempt_duration_seconds",
        "histogram",
        ("operation", "provider", "model"),
        "From asking a provider to the end of its answer.",
    ),
    Family(
        "tokens",
        "counter",
        ("key", "provider", "model", "class"),
        "Tokens used at providers, by all attempts; cached, cache_write and reasoning are part of the others.",
    ),
    Family("estimated_tokens", "counter", ("provider", "model"), "Of them, counted here: the provider did not tell."),
    Family("cost_usd", "counter", ("key", "provider", "model"), "What these tokens cost, in US dollars."),
    Family(
        "unpriced_attempts",
        "counter",
        ("provider", "model"),
        "Attempts that used tokens whose price is unknown: the cost lacks them.",
    ),
    Family("event_loop_lag_seconds", "histogram", (), "How late a timer of half a second was, in every worker."),
)
"""Counted here, from calls."""

EVENTS = (
    Family("refused_requests", "counter", ("operation", "code"), "Requests refused before their body was understood."),
    Family("redis_errors", "counter", ("error",), "Commands that Redis did not answer in time, or refused."),
    Family("config_reloads", "counter", ("result",), "Reloads in all workers: done, or refused."),
    Family("cpu_seconds", "counter", (), "Processor time of all workers."),
)
"""Counted by other rooms, through Counters."""

GAUGES = (
    Family("workers", "gauge", (), "Workers that are alive."),
    Family("requests_in_flight", "gauge", (), "Requests in progress."),
    Family("held_bytes", "gauge", (), "Request bodies of requests in progress."),
    Family("client_connections", "gauge", (), "Open connections of clients."),
    Family("upstream_connections", "gauge", ("provider",), "Open connections to providers."),
    Family("upstream_queue", "gauge", ("provider",), "Requests that wait for a connection to a provider."),
    Family("memory_bytes", "gauge", (), "Resident memory of all workers."),
    Family("degraded", "gauge", ("dependency",), "1 where a dependency is degraded, as /health/ready says.", "max"),
)
"""Read from whoever holds what they tell, through the functions in Surroundings.gauges."""

FAMILIES = (*CALLS, *EVENTS, *GAUGES)
