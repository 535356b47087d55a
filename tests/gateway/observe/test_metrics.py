"""What is counted of calls, and what /metrics makes of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from adapters.wire.usage import Usage
from config.facts import Prices
from gateway.auth import Caller
from gateway.call import Attempt
from gateway.cost import cost_of
from gateway.observe.exposition import expose
from gateway.observe.metrics import OTHER, Metrics, outcome_of
from gateway.observe.tables import Tables, decode, encode, merged
from tests.gateway.calls import a_call, a_target
from tests.gateway.observe.finished import PRICES, USAGE, a_route, finished, metrics

ANSWERED_BY = {"operation": "chat", "route": "fast", "provider": "lab", "model": "llama"}
TARGET = {"provider": "lab", "model": "llama"}
MANY = 3_000


def samples(tables: Tables) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(expose(tables).decode())
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(counted: Metrics | Tables, name: str, **labels: str) -> float | None:
    tables = counted.tables if isinstance(counted, Metrics) else counted
    return samples(tables).get((f"isthmus_{name}", frozenset(labels.items())))


async def test_a_call_is_counted_by_route_key_and_status() -> None:
    counted = metrics()
    for status in (200, 200, 499):
        counted(finished(caller=Caller("team-a", ["*"]), status=status))
    labels = {"operation": "chat", "route": "fast", "key": "team-a"}
    assert value(counted, "requests_total", **labels, status="200") == 2
    assert value(counted, "requests_total", **labels, status="499") == 1


async def test_durations_fall_into_buckets() -> None:
    counted = metrics()
    for seconds in (2**-10, 0.25, 1_024):  # exact, whatever time it is
        counted(finished(seconds=seconds))
    name = "request_duration_seconds"
    at_most = {bound: value(counted, f"{name}_bucket", **ANSWERED_BY, le=bound) for bound in ("0.001", "0.32", "+Inf")}
    assert at_most == {"0.001": 1, "0.32": 2, "+Inf": 3}
    assert value(counted, f"{name}_sum", **ANSWERED_BY) == 1_024 + 0.25 + 2**-10


async def test_a_streams_times_are_to_its_first_token_and_between_the_others() -> None:
    counted = metrics()
    counted(finished(stream=True))
    assert value(counted, "time_to_first_token_seconds_sum", **ANSWERED_BY) == pytest.approx(0.5)
    assert value(counted, "time_per_output_token_seconds_sum", **ANSWERED_BY) == pytest.approx(1.5 / 30)


@pytest.mark.parametrize(
    "call",
    [{"stream": False}, {"stream": True, "status": 503, "error": "overloaded"}],
    ids=["unary", "failed"],
)
async def test_what_is_no_stream_has_no_first_token(call: dict[str, object]) -> None:
    counted = metrics()
    counted(finished(**call))  # type: ignore[arg-type]
    assert value(counted, "time_to_first_token_seconds_count", **ANSWERED_BY) is None


async def test_a_stream_that_broke_has_a_first_token_and_no_time_between() -> None:
    counted = metrics()
    call = finished(stream=True)
    call.error = call.attempts[0].error = "upstream_unreachable"
    counted(call)
    assert value(counted, "time_to_first_token_seconds_count", **ANSWERED_BY) == 1
    assert value(counted, "time_per_output_token_seconds_count", **ANSWERED_BY) is None
    assert value(counted, "errors_total", **ANSWERED_BY, code="upstream_unreachable") == 1


async def test_tokens_and_money_are_those_of_every_attempt() -> None:
    first, second = a_target("first"), a_target()
    call = finished(route=a_route(second, first), usage=Usage(1_000, 100, cached_tokens=400, reasoning_tokens=60))
    call.begin(first, "hedge", call.received).usage = Usage(1_000, 0)
    counted = metrics()
    counted(call)
    spent = {"key": "anybody", "provider": "lab", "model": "llama"}
    tokens = {name: value(counted, "tokens_total", **spent, **{"class": name}) for name in ("prompt", "cached")}
    assert tokens == {"prompt": 1_000, "cached": 400}
    assert value(counted, "cost_usd_total", **spent) == pytest.approx((600 * 2 + 400 * 1 + 100 * 10) / 1e6)
    assert value(counted, "cost_usd_total", **spent | {"provider": "first"}) == pytest.approx(0.002)
    assert value(counted, "unpriced_attempts_total", **TARGET) == 0


async def test_money_is_that_of_the_prices_of_the_moment() -> None:
    counted = metrics()
    target = a_target()
    before, after = a_route(target), a_route(target, prices=Prices(prompt=4, completion=20, version="2026-12-01"))
    for route in (before, before, after, after):
        counted(finished(route=route))
    one = cost_of(USAGE, PRICES)
    assert [spent.cost for spent in counted.tables.spent.values()] == [2 * one + 2 * 2 * one]


async def test_an_unknown_price_is_told() -> None:
    counted = metrics()
    counted(finished(route=a_route(a_target(), prices=None)))
    assert value(counted, "unpriced_attempts_total", **TARGET) == 1
    assert value(counted, "cost_usd_total", key="anybody", **TARGET) == 0


async def test_what_the_cache_answered_was_asked_of_nobody() -> None:
    call = a_call()
    call.route, call.cache, call.status, call.usage = a_route(a_target()), "hit", 200, Usage(3, 4)
    counted = metrics()
    counted(call)
    assert value(counted, "cache_requests_total", route="fast", result="hit") == 1
    assert "isthmus_tokens_total{" not in expose(counted.tables).decode()


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (200, None, "ok"),
        (200, "upstream_unreachable", "broken"),
        (400, "context_length_exceeded", "refused"),
        (429, "rate_limit_exceeded", "rate_limited"),
        (500, "server_error", "failed"),
        (0, "upstream_timeout", "timeout"),
        (0, "upstream_unreachable", "unreachable"),
        (499, None, "cancelled"),
    ],
)
def test_an_attempts_outcome_in_a_word(status: int, error: str | None, outcome: str) -> None:
    attempt = Attempt(b"att_1", a_target(), "first", 0.0)
    attempt.status, attempt.error = status, error
    assert outcome_of(attempt) == outcome


async def test_attempts_are_counted_by_cause_and_outcome() -> None:
    counted = metrics()
    call = finished(route=a_route(a_target()), status=502, error="upstream_error")
    call.begin(a_target(), "retry", call.received).status = 200
    counted(call)
    labels = {"operation": "chat", **TARGET}
    assert value(counted, "attempts_total", **labels, cause="first", outcome="failed") == 1
    assert value(counted, "attempts_total", **labels, cause="retry", outcome="ok") == 1
    assert value(counted, "attempt_duration_seconds_count", **labels) == 2


async def test_names_that_clients_make_up_are_bounded() -> None:
    counted = metrics()
    for number in range(MANY):
        target = a_target(model=f"made-up-{number}")
        counted(finished(route=a_route(target, name=f"lab/{number}"), status=404, error="model_not_found", usage=None))
    counted(finished(route=a_route(a_target(model="real"), name="lab/real")))
    models = {key[3] for key in counted.tables.answers}
    assert {"real", OTHER} <= models
    assert len(models) < 300
    assert sum(counted.tables.requests.values()) == MANY + 1
    assert sum(sum(row.duration.counts) for row in counted.tables.answers.values()) == MANY + 1


async def test_keys_are_bounded() -> None:
    counted = metrics()
    for number in range(MANY):
        counted(finished(caller=Caller(f"subject-{number}", ["*"])))
    assert len({key[2] for key in counted.tables.requests}) <= 1_025
    assert sum(spent.prompt for spent in counted.tables.spent.values()) == MANY * 20


@pytest.mark.parametrize("code", ["sk-secret in a sentence", "a" * 65, "ä", "x\ny"])
async def test_a_code_that_is_no_word_is_not_told(code: str) -> None:
    counted = metrics()
    counted(finished(status=500, error=code, usage=None))
    assert {key[4] for key in counted.tables.answers} == {OTHER}


MADE = st.fixed_dictionaries(
    {
        "status": st.sampled_from([200, 429, 499]),
        "seconds": st.floats(0, 500),
        "stream": st.booleans(),
        "usage": st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6)),
    }
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), MADE), max_size=30))
async def test_many_workers_tell_what_one_would(made: list[tuple[int, dict[str, object]]]) -> None:
    one, several = metrics(), [metrics() for _ in range(4)]
    for worker, fields in made:
        call = finished(**fields)  # type: ignore[arg-type]
        one(call)
        several[worker](call)
    together = merged((decode(encode(each.current())) for each in several), frozenset(), frozenset())
    expected = samples(one.tables)
    assert {key: shown for key, shown in samples(together).items() if key[0] != "isthmus_cpu_seconds_total"} == {
        key: pytest.approx(shown) for key, shown in expected.items() if key[0] != "isthmus_cpu_seconds_total"
    }


def test_gauges_of_workers_are_added_unless_one_counts_for_all() -> None:
    workers = [Tables(gauges={("held",): 2.0, ("degraded", "redis"): 1.0}), Tables(gauges={("held",): 3.0, ("up",): 0})]
    workers.append(Tables(gauges={("degraded", "redis"): 1.0, ("up",): 1}))
    whole = merged(workers, frozenset({"degraded"}), frozenset({"up"}))
    assert whole.gauges == {("held",): 5.0, ("degraded", "redis"): 1.0, ("up",): 0}
