"""Money: never negative, never rounded down, never more than what was reserved for it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from adapters.wire.usage import Usage
from config.facts import LongPrices, Prices
from config.schema import Operation
from gateway.call import Attempt
from gateway.cost import cost_of, dearest, did_no_work, dollars, nano_dollars
from tests.gateway.calls import a_target

Price = st.floats(0, 1_000, allow_subnormal=False).map(lambda price: round(price, 4))
Count = st.integers(0, 2_000_000)


def prices(**classes: float | LongPrices | None) -> Prices:
    return Prices(**{"prompt": 0, "version": "2026-11-01", **classes})  # type: ignore[arg-type]


@st.composite
def some_prices(draw: st.DrawFn) -> Prices:
    prompt, completion = draw(Price), draw(Price)
    long = None
    if draw(st.booleans()):
        long = LongPrices(
            over=draw(st.integers(1, 400_000)),
            prompt=prompt + draw(Price),
            completion=completion + draw(Price),
            cached=prompt,
            cache_write=2 * prompt + 1_000,
        )
    optional = st.one_of(st.none(), Price)
    return prices(
        prompt=prompt,
        completion=completion,
        cached=draw(st.one_of(st.none(), st.just(prompt / 2))),
        cache_write=draw(st.one_of(st.none(), st.just(prompt * 1.25))),
        prompt_audio=draw(optional),
        completion_audio=draw(optional),
        long=long,
    )


@st.composite
def some_usage(draw: st.DrawFn) -> Usage:
    plain, cached, written, heard = draw(Count), draw(Count), draw(Count), draw(Count)
    text, spoken = draw(Count), draw(Count)
    return Usage(
        prompt_tokens=plain + cached + written + heard,
        completion_tokens=text + spoken,
        cached_tokens=cached,
        cache_write_tokens=written,
        prompt_audio_tokens=heard,
        completion_audio_tokens=spoken,
    )


@pytest.mark.parametrize(
    ("usage", "told", "nano"),
    [
        (Usage(1_000_000, 0), prices(prompt=1.25), 1_250_000_000),
        (Usage(1, 1), prices(prompt=1.25, completion=10), 11_250),
        (Usage(10, 0, cached_tokens=4), prices(prompt=1, cached=0.1), 6_400),
        (Usage(10, 0, cached_tokens=4), prices(prompt=1), 10_000),
        (Usage(10, 0, cache_write_tokens=4), prices(prompt=1, cache_write=1.25), 11_000),
        (Usage(10, 10, prompt_audio_tokens=4), prices(prompt=1, prompt_audio=40), 166_000),
        (Usage(10, 10, completion_audio_tokens=4), prices(completion=1, completion_audio=80), 326_000),
        (Usage(1, 0), prices(prompt=0.0001), 1),
        (Usage(1, 0), prices(prompt=0.001), 1),
        (Usage(0, 0, searches=3), prices(search=2_000), 6_000_000),
        (Usage(50, 0, searches=3), prices(prompt=5, search=2_000), 6_000_000),
        (Usage(50, 0, searches=3), prices(prompt=5), 250_000),
        (Usage(100, 10), prices(prompt=1, completion=1, long=LongPrices(over=100, prompt=2, completion=3)), 110_000),
        (Usage(101, 10), prices(prompt=1, completion=1, long=LongPrices(over=100, prompt=2, completion=3)), 232_000),
        (Usage(3, 0, cached_tokens=9), prices(prompt=1, cached=0.5), 4_500),
    ],
)
def test_every_class_has_its_price(usage: Usage, told: Prices, nano: int) -> None:
    assert cost_of(usage, told) == nano


@given(some_usage(), some_prices(), st.sampled_from(Usage.__struct_fields__), st.integers(1, 1_000_000))
def test_more_tokens_never_cost_less(usage: Usage, told: Prices, name: str, more: int) -> None:
    if name in ("estimated", "searches", "reasoning_tokens", "cached_tokens"):
        return
    whole = {"cache_write_tokens": "prompt_tokens", "prompt_audio_tokens": "prompt_tokens"}
    whole["completion_audio_tokens"] = "completion_tokens"
    grown = structs.replace(usage, **{name: getattr(usage, name) + more})
    if name in whole:
        grown = structs.replace(grown, **{whole[name]: getattr(usage, whole[name]) + more})
    assert cost_of(grown, told) >= cost_of(usage, told) >= 0


@example(Usage(1_406_100, 0, cache_write_tokens=6_599, prompt_audio_tokens=1_399_501), prices(prompt=191.7812))
@given(some_usage(), some_prices())
def test_no_call_costs_more_than_the_dearest_use_of_its_tokens(usage: Usage, told: Prices) -> None:
    assert cost_of(usage, told) <= dearest(told, usage.prompt_tokens, usage.completion_tokens)


@given(st.integers(0, 1_000), st.integers(0, 1_000_000))
def test_searches_are_bounded_too(searches: int, documents: int) -> None:
    told = prices(prompt=0.05, search=2_000)
    assert cost_of(Usage(documents, searches=searches), told) <= dearest(told, documents, 0, searches=searches)


def test_without_sound_its_price_is_not_reserved() -> None:
    told = prices(prompt=1, prompt_audio=40, completion=2, completion_audio=80)
    assert dearest(told, 10, 10, audio=False) == 30_000
    assert dearest(told, 10, 10) == 1_200_000


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "0"), (1, "0.000000001"), (10**9, "1"), (1_250_000_000, "1.25"), (123 * 10**9 + 10, "123.00000001")],
)
def test_dollars_are_written_exactly(nano: int, text: str) -> None:
    assert dollars(nano) == text


@given(st.integers(0, 9_000_000 * 100))
def test_cents_survive(cents: int) -> None:
    assert nano_dollars(cents / 100) == cents * 10**7


@pytest.mark.parametrize(
    ("status", "error", "did_none"),
    [
        (500, "server_error", True),
        (429, "rate_limit_exceeded", True),
        (400, "invalid_value", True),
        (302, "upstream_error", True),
        (0, "upstream_unreachable", True),
        (0, "upstream_timeout", False),
        (0, "deadline_exceeded", False),
        (200, "upstream_unreachable", False),
        (200, "stream_incomplete", False),
        (201, "stream_incomplete", False),
        (200, None, False),
        (499, None, False),
        (499, "deadline_exceeded", False),
    ],
)
def test_who_refused_or_was_not_reached_did_no_work(status: int, error: str | None, did_none: bool) -> None:
    attempt = Attempt(b"att_1", a_target(), "first", 0.0)
    attempt.status, attempt.error = status, error
    assert did_no_work("chat", attempt) is did_none


@pytest.mark.parametrize(("operation", "did_none"), [("count_tokens", True), ("chat", False), ("rerank", False)])
def test_counting_tokens_is_no_work(operation: Operation, did_none: bool) -> None:
    attempt = Attempt(b"att_1", a_target(), "first", 0.0)
    attempt.status = 200
    assert did_no_work(operation, attempt) is did_none
