"""Counts what becomes of calls, in plain numbers: a sink that costs a few microseconds a call."""

import os
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Struct

from adapters.inference.contract import Target
from adapters.wire.usage import Usage
from config.facts import Prices
from gateway.call import Attempt, Call
from gateway.cost import cost_of
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.observe.tables import (
    FIRST_TOKEN_SECONDS,
    SECONDS,
    TOKEN_SECONDS,
    TOKENS,
    AnswerKey,
    Answers,
    AttemptKey,
    Histogram,
    RequestKey,
    Spent,
    Tables,
    decode,
    encode,
    histogram,
    merged,
)
from gateway.route import Route

NONE = "(none)"
"""The label of what was not reached."""
OTHER = "(other)"
"""The label of whatever is too much: clients may name any model of a provider, providers any code."""
_VALUES_FREE = 256
"""Values of one label that are taken as they come."""
_VALUES_MAX = 1_024
"""Values of one label; past those taken freely, a name must have led to an answer."""
_ROWS_MAX = 8_192
_OK = 200
_CODE = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

Gauge: TypeAlias = tuple[str, tuple[str, ...], float]
"""A family's name without its prefix, the values of its labels, and how much there is at the moment."""
Gauges: TypeAlias = Callable[[], Iterable[Gauge]]


_Usual: TypeAlias = tuple[str, str, str, str | None, str, str, str]
"""Operation, route, key, what the cache said, provider, model, cause."""


class _Rows(Struct, frozen=True, gc=False):
    """What usual calls add to: those with one attempt, answered whole and well, whose usage was told."""

    route: Route
    request: RequestKey
    answers: Answers
    attempt: Histogram
    spent: Spent
    prices: Prices | None


class Metrics:
    """What this worker has counted, with what its predecessor under the same index had."""

    __slots__ = ("_counters", "_estimates", "_gauges", "_inherited", "_known", "_processor", "_usual", "tables")

    def __init__(self, counters: Counters, gauges: list[Gauges], estimates: Estimates) -> None:
        self.tables = Tables()
        self._counters = counters
        self._gauges = gauges
        self._estimates = estimates
        self._known: dict[str, set[str]] = {"route": set(), "key": set(), "model": set(), "code": set()}
        self._usual: dict[_Usual, _Rows] = {}
        self._inherited: bytes | None = None
        self._processor = 0.0

    def inherit(self, tables: Tables) -> None:
        """Go on from where a worker stopped that died: what it counted is told with what is counted here."""
        tables.gauges = {}
        self._inherited = encode(tables)
        for request in tables.requests:
            self._known["route"].add(request[1])
            self._known["key"].add(request[2])
        for answer in tables.answers:
            self._known["model"].add(answer[3])
            self._known["code"].add(answer[4])

    def observe_lag(self, bounds: tuple[float, ...], seconds: float) -> None:
        """The loop was this late."""
        self.tables.lag.observe(bounds, seconds)

    def current(self) -> Tables:
        """The tables with what other rooms count and hold by now."""
        spent = time.process_time()
        self._counters.add("cpu_seconds", amount=spent - self._processor)
        self._processor = spent
        own = self.tables
        own.events = dict(self._counters.values)
        own.gauges = {(name, *labels): value for read in self._gauges for name, labels, value in read()}
        own.pid = os.getpid()
        if self._inherited is None:
            return own
        whole = merged((decode(self._inherited), decode(encode(own))), frozenset(), frozenset())
        whole.pid = own.pid
        return whole

    def __call__(self, call: Call) -> None:
        """Count a call that is over."""
        attempts = call.attempts
        usage = call.usage
        if len(attempts) != 1 or usage is None or call.status != _OK or call.body.stream:
            self._count(call)
            return
        attempt = attempts[0]
        route = call.route
        target = attempt.target
        if attempt.usage is not usage or attempt.error is not None or call.error is not None or route is None:
            self._count(call)
            return
        key = (call.operation, route.name, call.caller.name, call.cache, target.provider, target.model, attempt.cause)
        rows = self._usual.get(key)
        if rows is None or rows.route is not route:
            self._count(call)
            self._remember(key, call, route)
            return
        self.tables.requests[rows.request] += 1
        row = rows.answers
        seconds = call.ended - call.received
        duration = row.duration
        duration.counts[bisect_left(SECONDS, seconds)] += 1
        duration.sum += seconds
        tokens = row.prompt
        tokens.counts[bisect_left(TOKENS, usage.prompt_tokens)] += 1
        tokens.sum += usage.prompt_tokens
        if usage.completion_tokens:
            row.completion.observe(TOKENS, usage.completion_tokens)
        seconds = attempt.ended - attempt.began
        duration = rows.attempt
        duration.counts[bisect_left(SECONDS, seconds)] += 1
        duration.sum += seconds
        _add(rows.spent, usage, rows.prices)

    def _remember(self, key: _Usual, call: Call, route: Route) -> None:
        """Know the rows of such calls the next time, if they have rows of their own."""
        operation, name, caller, cache, provider, model, cause = key
        tables = self.tables
        request = (operation, name, caller, _OK, cache or "")
        answers = tables.answers.get((operation, name, provider, model, ""))
        attempt = tables.attempts.get((operation, provider, model, cause, "ok"))
        spent = tables.spent.get((caller, provider, model))
        if request in tables.requests and answers is not None and attempt is not None and spent is not None:
            if len(self._usual) >= _ROWS_MAX:
                self._usual.clear()
            prices = call.prices_of(call.attempts[0].target)
            self._usual[key] = _Rows(route, request, answers, attempt, spent, prices)

    def _count(self, call: Call) -> None:
        tables = self.tables
        operation = call.operation
        route = call.route.name if call.route is not None else NONE
        request = (operation, route, call.caller.name, call.status, call.cache or "")
        if request in tables.requests:
            tables.requests[request] += 1
        else:
            self._first_request(request, call)
        target = call.target
        provider, model = (target.provider, target.model) if target is not None else (NONE, NONE)
        answer = (operation, route, provider, model, call.error or "")
        row = tables.answers.get(answer) or self._first_answer(answer)
        seconds = call.ended - call.received
        duration = row.duration
        duration.counts[bisect_left(SECONDS, seconds)] += 1
        duration.sum += seconds
        usage = call.usage
        if usage is not None:
            row.prompt.observe(TOKENS, usage.prompt_tokens)
            if usage.completion_tokens:
                row.completion.observe(TOKENS, usage.completion_tokens)
        for attempt in call.attempts:
            self._count_attempt(call, attempt)
        if usage is None and self._estimates.owed(call):
            self._estimate_later(call, call.attempts[-1].target)
        if call.body.stream and call.attempts:
            _time_stream(row, call, call.attempts[-1])

    def _count_attempt(self, call: Call, attempt: Attempt) -> None:
        target = attempt.target
        outcome = "ok" if attempt.error is None and attempt.status == _OK else outcome_of(attempt)
        key = (call.operation, target.provider, target.model, attempt.cause, outcome)
        row = self.tables.attempts.get(key) or self._first_attempt(key)
        seconds = (attempt.ended or call.ended) - attempt.began
        row.counts[bisect_left(SECONDS, seconds)] += 1
        row.sum += seconds
        if attempt.usage is not None:
            self._spend(call.caller.name, target, call.prices_of(target), attempt.usage)

    def _estimate_later(self, call: Call, target: Target) -> None:
        caller, prices = call.caller.name, call.prices_of(target)
        self._estimates.then(call, lambda usage: self._spend(caller, target, prices, usage))

    def _spend(self, caller: str, target: Target, prices: Prices | None, usage: Usage) -> None:
        owner = (caller, target.provider, target.model)
        _add(self.tables.spent.get(owner) or self._first_spent(owner), usage, prices)

    # Rows that are new: names are taken as they are while there are few of them

    def _first_request(self, key: RequestKey, call: Call) -> None:
        operation, route, caller, status, cache = key
        rows = self.tables.requests
        proven = call.error is None
        if len(rows) < _ROWS_MAX:
            key = (operation, self._fold("route", route, proven), self._fold("key", caller, True), status, cache)
        else:
            key = (operation, OTHER, OTHER, status, cache)
        rows[key] = rows.get(key, 0) + 1

    def _first_answer(self, key: AnswerKey) -> Answers:
        operation, route, provider, model, code = key
        rows = self.tables.answers
        code = self._fold("code", code if _CODE.fullmatch(code) else OTHER, False) if code else ""
        if len(rows) < _ROWS_MAX:
            route, model = self._fold("route", route, not code), self._fold("model", model, not code)
            key = (operation, route, provider, model, code)
        else:
            key = (operation, OTHER, provider, OTHER, code)
        return rows.setdefault(key, Answers())

    def _first_attempt(self, key: AttemptKey) -> Histogram:
        operation, provider, model, cause, outcome = key
        rows = self.tables.attempts
        known = len(rows) < _ROWS_MAX
        model = self._fold("model", model, outcome == "ok") if known else OTHER
        return rows.setdefault((operation, provider, model, cause, outcome), histogram(SECONDS))

    def _first_spent(self, key: tuple[str, str, str]) -> Spent:
        caller, provider, model = key
        rows = self.tables.spent
        if len(rows) < _ROWS_MAX:
            key = (self._fold("key", caller, True), provider, self._fold("model", model, True))
        else:
            key = (OTHER, provider, OTHER)
        return rows.setdefault(key, Spent())

    def _fold(self, label: str, value: str, proven: bool) -> str:
        known = self._known[label]
        if value not in known:
            if len(known) >= (_VALUES_MAX if proven else _VALUES_FREE):
                return OTHER
            known.add(value)
        return value


def _add(spent: Spent, usage: Usage, prices: Prices | None) -> None:
    spent.prompt += usage.prompt_tokens
    spent.completion += usage.completion_tokens
    if usage.cached_tokens:
        spent.cached += usage.cached_tokens
    if usage.cache_write_tokens:
        spent.cache_write += usage.cache_write_tokens
    if usage.reasoning_tokens:
        spent.reasoning += usage.reasoning_tokens
    if usage.estimated:
        spent.estimated += usage.prompt_tokens + usage.completion_tokens
    if prices is not None:
        spent.cost += cost_of(usage, prices)
    else:
        spent.unpriced += 1


def _time_stream(row: Answers, call: Call, last: Attempt) -> None:
    """The time to a stream's first token, and the mean time of the ones after it."""
    if not last.first or last.status > 299:
        return
    row.first_token.observe(FIRST_TOKEN_SECONDS, last.first - call.received)
    usage = last.usage
    if usage is not None and usage.completion_tokens > 1 and last.ended and last.error is None:
        row.token.observe(TOKEN_SECONDS, (last.ended - last.first) / (usage.completion_tokens - 1))


def outcome_of(attempt: Attempt) -> str:
    """What became of an attempt, in a word."""
    status = attempt.status
    if status == 499:
        return "cancelled"
    error = attempt.error
    if error is None:
        return "ok"
    if status == 0:
        return "timeout" if error == "upstream_timeout" else "unreachable"
    if status == 429:
        return "rate_limited"
    if status < 300:
        return "broken"
    return "refused" if status < 500 else "failed"
