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

_TARGET = ("provider", "model")

EVENTS = (
    Family("refused_requests", "counter", ("operation", "code"), "Requests refused before their body was understood."),
    Family("retries", "counter", ("cause",), "Attempts after a fault: at the same target, or at the next."),
    Family("retry_budget_spent", "counter", ("route",), "Faults that were not tried again: too many were already."),
    Family("hedges", "counter", ("result",), "Second attempts beside a late first: sent, won, lost, or over a share."),
    Family("mirrored", "counter", ("result",), "Copies for shadows: answered, failed, or not sent for want of room."),
    Family("mirror_status", "counter", ("result",), "Whether a shadow's status was the real answer's."),
    Family("mirror_finish", "counter", ("result",), "Whether a shadow ended for the same reason."),
    Family("mirror_length", "counter", ("result",), "Whether a shadow's answer was shorter, similar or longer."),
    Family("mirror_time_ratio", "counter", ("up_to",), "A shadow's time to its first content over the real one's."),
    Family("cooldowns_opened", "counter", _TARGET, "Targets that began to rest."),
    Family("cooldowns_closed", "counter", _TARGET, "Targets that are asked again after a rest."),
    Family("queue_refusals", "counter", _TARGET, "Attempts that found no place at a target."),
    Family("cache_items", "counter", ("result",), "Inputs of embeddings, by what the cache said of each."),
    Family("cache_refresh_failures", "counter", (), "Stale answers that could not be made anew."),
    Family("cache_similarity_failures", "counter", (), "Questions that could not be embedded to find one like them."),
    Family("cache_store_errors", "counter", ("kind",), "Answers that the shared cache did not give or take."),
    Family(
        "single_flight", "counter", ("event",), "Calls that shared another's attempt, and those that took one over."
    ),
    Family("safety_judgements", "counter", ("check", "result"), "Texts that checks judged: made or failed."),
    Family(
        "guardrail_actions",
        "counter",
        ("route", "direction", "check", "action"),
        "Calls by what guardrails did: block, redact, annotate; failed_open and failed_closed without a judgement.",
    ),
    Family("limits_refused", "counter", ("limit",), "Requests over a limit, by what is limited."),
    Family("limits_unknown_use", "counter", (), "Calls whose use nobody told: all that was reserved is counted."),
    Family("limits_price_unknown", "counter", (), "Calls under a budget whose price is unknown."),
    Family("limits_without_redis", "counter", (), "Calls that a worker counted alone, as Redis did not answer."),
    Family("budget_events", "counter", ("event",), "Budgets that passed their soft end, or came to their hard one."),
    Family("webhook_failures", "counter", ("kind",), "Events of budgets that the webhook did not take."),
    Family("ledger_rows", "counter", (), "Rows of the ledger that are in the database."),
    Family("ledger_rows_lost", "counter", (), "Attempts without a row: the journal was full."),
    Family("ledger_records_damaged", "counter", (), "Records of a journal that can't be read."),
    Family("ledger_write_errors", "counter", (), "Batches that the database did not take; they wait in the journal."),
    Family("ledger_write_seconds", "counter", (), "Time spent on writing batches."),
    Family("records_errors", "counter", ("kind",), "Questions that the database of records did not answer."),
    Family(
        "files_swept",
        "counter",
        ("state",),
        "Files and bytes that the sweep removed: kept ones had expired, arriving ones were left by a writer that died.",
    ),
    Family("vector_store_files", "counter", ("outcome",), "Files that vector stores took in, and those that failed."),
    Family("vector_store_files_put_back", "counter", (), "Files that wait because something they need was away."),
    Family("vector_store_chunks", "counter", (), "Chunks of the files that were taken in."),
    Family("vector_store_removals", "counter", ("kind",), "Files and stores whose data were removed."),
    Family("vector_backend_faults", "counter", ("backend",), "What a vector backend was asked and did not do."),
    Family("redis_commands", "counter", (), "Commands sent to Redis."),
    Family("redis_errors", "counter", ("error",), "Commands that Redis did not answer in time, or refused."),
    Family("otlp_calls", "counter", ("outcome",), "Sampled calls, by whether the collector took their spans."),
    Family("config_reloads", "counter", ("result",), "Reloads in all workers: done, or refused."),
    Family("cpu_seconds", "counter", (), "Processor time of all workers."),
)
"""Counted by other rooms, through Counters."""

GAUGES = (
    Family("workers", "gauge", (), "Workers that are alive."),
    Family("requests_in_flight", "gauge", (), "Requests in progress."),
    Family("cache_bytes", "gauge", (), "Answers in the workers' memory, with all that is around them."),
    Family("held_bytes", "gauge", (), "Request bodies of requests in progress."),
    Family("client_connections", "gauge", (), "Open connections of clients."),
    Family("upstream_connections", "gauge", ("provider",), "Open connections to providers."),
    Family("upstream_queue", "gauge", ("provider",), "Requests that wait for a connection to a provider."),
    Family("target_attempts_in_flight", "gauge", _TARGET, "Attempts under way at a target."),
    Family("target_queue", "gauge", _TARGET, "Calls that wait for a place at a target."),
    Family("target_limit", "gauge", _TARGET, "Attempts that a target is given at once, as learnt from it."),
    Family("target_resting", "gauge", _TARGET, "1 while a target rests after faults.", "max"),
    Family("ledger_backlog_bytes", "gauge", (), "Records of the ledger's journal that are not in the database yet."),
    Family("vector_store_files_in_hand", "gauge", (), "Files that workers take in."),
    Family("vector_store_files_waiting", "gauge", (), "Files that nobody takes in yet.", "max"),
    Family("memory_bytes", "gauge", (), "Resident memory of all workers."),
    Family("degraded", "gauge", ("dependency",), "1 where a dependency is degraded, as /health/ready says.", "max"),
)
"""Read from whoever holds what they tell, through the functions in Surroundings.gauges."""

FAMILIES = (*CALLS, *EVENTS, *GAUGES)
