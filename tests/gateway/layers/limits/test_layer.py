"""What a limited call meets on its way: a reservation, headers, a refusal; and what it leaves behind."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.wire.errors import GatewayError, UpstreamError, UpstreamTimeout
from adapters.wire.usage import Usage
from config.facts import Facts
from config.limits import CallLimits, Limit
from config.routing import Hedge
from gateway.call import Call
from gateway.layers.limits.errors import BudgetReserved, BudgetSpent, LimitsUnavailable, PriceUnknown, RateLimited
from gateway.state.faults import RedisUnavailable
from gateway.state.limits.contract import Amounts, Bucket, Lease, Named, Refusal
from tests.gateway.layers.limits.limited import DOLLAR_A_TOKEN, Limited, a_caller, a_route, dollars

TWO_A_MINUTE = Limit(requests_per_minute=2)


async def refusal(limited: Limited, *asked: Any, **fields: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await limited.ask(*asked, **fields)
    return caught.value


async def test_who_has_no_limit_gets_the_answer_as_it_is() -> None:
    limited = Limited(CallLimits(owners={"bob": TWO_A_MINUTE}))
    limited.headers = [(b"x-ratelimit-limit-requests", b"9")]
    assert await limited.ask(a_caller("alice")) == {"x-ratelimit-limit-requests": "9"}


@pytest.mark.parametrize(
    ("limits", "mine", "others"),
    [
        (CallLimits(each_key=TWO_A_MINUTE), a_caller("a"), a_caller("b")),
        (CallLimits(), a_caller("a", TWO_A_MINUTE), a_caller("b", TWO_A_MINUTE)),
        (CallLimits(owners={"o": TWO_A_MINUTE}), a_caller("a", owner="o"), a_caller("b")),
        (CallLimits(teams={"t": TWO_A_MINUTE}), a_caller("a", team="t"), a_caller("b", team="u")),
        (CallLimits(organisations={"g": TWO_A_MINUTE}), a_caller("a", organisation="g"), a_caller("b")),
    ],
    ids=["each key", "key", "owner", "team", "organisation"],
)
async def test_a_holders_limit_is_its_own(limits: CallLimits, mine: Any, others: Any) -> None:
    limited = Limited(limits)
    await limited.ask(mine)
    await limited.ask(mine)
    assert isinstance(await refusal(limited, mine), RateLimited)
    await limited.ask(others)


async def test_keys_of_one_owner_share_its_limit() -> None:
    limited = Limited(CallLimits(owners={"o": TWO_A_MINUTE}))
    await limited.ask(a_caller("a", owner="o"))
    await limited.ask(a_caller("b", owner="o"))
    assert "owner 'o'" in (await refusal(limited, a_caller("c", owner="o"))).message


async def test_a_models_limit_counts_all_callers_together() -> None:
    limited = Limited(CallLimits(models={"m": TWO_A_MINUTE}))
    await limited.ask(a_caller("a"))
    await limited.ask(a_caller("b"))
    assert "model 'm'" in (await refusal(limited, a_caller("c"))).message


async def test_a_keys_own_limit_stands_in_the_place_of_each_keys() -> None:
    limited = Limited(CallLimits(each_key=Limit(requests_per_minute=1)))
    caller = a_caller(limit=TWO_A_MINUTE)
    await limited.ask(caller)
    await limited.ask(caller)


async def test_a_refusal_says_which_limit_whose_and_when() -> None:
    limited = Limited()
    caller = a_caller("team-a", Limit(requests_per_minute=1))
    await limited.ask(caller)
    error = await refusal(limited, caller)
    assert (error.status, error.type, error.code, error.param) == (429, "rate_limit_error", "rate_limit_exceeded", None)
    assert "1 requests per minute of key 'team-a'" in error.message
    assert error.retry_after is not None
    assert 60 <= error.retry_after <= 61
    told = dict(error.headers)
    assert (told[b"x-ratelimit-limit-requests"], told[b"x-ratelimit-remaining-requests"]) == (b"1", b"0")


async def test_headers_tell_the_tightest_limit() -> None:
    limit = Limit(requests_per_minute=10, requests_per_day=4, tokens_per_minute=5_000, tokens_per_day=1_000_000)
    headers = await Limited().ask(a_caller(limit=limit))
    assert headers["x-ratelimit-limit-requests"] == "4"
    assert headers["x-ratelimit-remaining-requests"] == "3"
    assert headers["x-ratelimit-reset-requests"].startswith("24h")
    assert headers["x-ratelimit-limit-tokens"] == "5000"
    assert 3_800 < int(headers["x-ratelimit-remaining-tokens"]) < 4_000
    assert headers["x-ratelimit-reset-tokens"] in ("1m0s", "1m1s")


async def test_a_limited_call_has_its_provider_told_under_another_name() -> None:
    limited = Limited()
    call = limited.call(a_caller(limit=TWO_A_MINUTE))
    await limited.layer(call)
    assert call.is_limited


async def test_an_error_of_the_provider_tells_our_limits() -> None:
    limited = Limited()
    limited.fault = UpstreamError("no", status=429)
    call = limited.call(a_caller(limit=TWO_A_MINUTE))
    with pytest.raises(UpstreamError):
        await limited.layer(call)
    assert (b"x-ratelimit-limit-requests", b"2") in call.told


async def test_a_call_in_progress_keeps_its_place_until_it_is_closed() -> None:
    limited = Limited()
    caller = a_caller(limit=Limit(parallel_requests=1))
    call = limited.call(caller)
    await limited.layer(call)
    assert (await refusal(limited, caller)).retry_after == 1
    call.close()
    await limited.ask(caller)


async def test_money_is_settled_to_what_the_tokens_cost() -> None:
    limited = Limited()
    caller = a_caller(limit=dollars(2_000))
    for left in range(1_980, 1_900, -20):
        assert (await limited.ask(caller))["x-isthmus-cost"] == "20"
        assert f"${left} left" in (await refusal(limited, caller, messages=[], max_tokens=50_000)).message


async def test_a_budget_that_is_spent_is_told_from_one_that_is_reserved() -> None:
    limited = Limited()
    caller = a_caller(limit=dollars(2_000))
    first = limited.call(caller)
    await limited.layer(first)
    held = await refusal(limited, caller)
    assert isinstance(held, BudgetReserved)
    assert (held.status, held.type, held.code, held.retry_after) == (429, "rate_limit_error", "budget_reserved", 1)
    limited.usage = Usage(1_000, 10)
    first.attempts[0].usage = first.usage = limited.usage
    first.close()
    spent = await refusal(limited, caller)
    assert isinstance(spent, BudgetSpent)
    assert (spent.status, spent.type, spent.code) == (429, "insufficient_quota", "insufficient_quota")
    assert spent.retry_after is not None
    assert 0 < spent.retry_after <= 86_400
    assert "$990 left" in spent.message
    assert (b"x-should-retry", b"false") in spent.headers


async def test_what_no_target_did_costs_nothing() -> None:
    limited = Limited()
    limited.fault = UpstreamError("no", status=500)
    limited.usage = None
    caller = a_caller(limit=dollars(1_200))
    for _ in range(3):
        assert isinstance(await refusal(limited, caller), UpstreamError)
    limited.fault = None
    limited.usage = Usage(10, 10)
    await limited.ask(caller)


async def test_a_target_that_was_too_slow_may_have_used_all_that_was_reserved() -> None:
    limited = Limited()
    caller = a_caller(limit=dollars(1_200))
    call = limited.call(caller)
    limited.causes = ()
    await limited.layer(call)
    slow = UpstreamTimeout("It is too slow.")
    call.begin(limited.route.targets[0], "first", 1.0).fail(slow, 2.0)
    call.usage, call.status = None, slow.status
    call.close()
    assert isinstance(await refusal(limited, caller), BudgetSpent)
    assert limited.counters.values["limits_unknown_use",] == 1


async def test_a_cached_answer_costs_nothing_and_uses_no_tokens() -> None:
    limited = Limited()
    limited.causes = ()
    caller = a_caller(limit=Limit(tokens_per_minute=1_200, budgets=dollars(1_200).budgets))
    for _ in range(5):
        assert (await limited.ask(caller))["x-isthmus-cost"] == "0"


async def test_every_attempt_that_worked_is_paid_for_except_a_mirrored_one() -> None:
    limited = Limited(route=a_route(DOLLAR_A_TOKEN, hedge=Hedge()))
    limited.causes = ("first", "hedge", "mirror")
    assert (await limited.ask(a_caller(limit=dollars(5_000))))["x-isthmus-cost"] == "40"


async def test_a_hedged_route_reserves_for_two() -> None:
    caller = a_caller(limit=dollars(2_000))
    await Limited().ask(caller)
    assert isinstance(await refusal(Limited(route=a_route(DOLLAR_A_TOKEN, hedge=Hedge())), caller), BudgetSpent)


async def test_use_that_nobody_can_tell_is_what_was_reserved() -> None:
    limited = Limited()
    limited.usage = None
    caller = a_caller(limit=dollars(1_500))
    call = limited.call(caller, "rerank", query="q", documents=["a"])
    await limited.layer(call)
    call.close()
    assert limited.counters.values["limits_unknown_use",] == 1
    assert isinstance(await refusal(limited, caller), BudgetSpent)


async def test_an_attempt_that_goes_on_after_its_call_is_settled_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.layers.limits.settlement._LOOK_AGAIN_SECONDS", 0.001)
    limited = Limited()
    caller = a_caller(limit=dollars(1_500))
    call = limited.call(caller)
    await limited.layer(call)
    call.attempts[0].ended = 0.0
    call.close()
    assert isinstance(await refusal(limited, caller), BudgetReserved)
    call.attempts[0].ended = 3.0
    async with asyncio.timeout(5):
        while limited.desk.memory._states["key:a:usd_per_day"][1].spent != 20 * 10**9:  # noqa: ASYNC110 - a timer
            await asyncio.sleep(0.001)


async def test_the_soft_end_is_a_header_a_counter_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    limited = Limited()
    caller = a_caller("ä", limit=dollars(3_000, warn=20))
    assert "x-isthmus-budget-warning" not in await limited.ask(caller)
    assert "budget_warning" in caplog.text
    headers = await limited.ask(caller)
    assert headers["x-isthmus-budget-warning"] == "budget per day of key '??': 20 of 3000 USD spent"
    assert limited.counters.values["budget_events", "budget_warning"] == 1


async def test_an_unknown_price_under_a_budget_is_refused_with_what_to_configure() -> None:
    error = await refusal(Limited(route=a_route(Facts(context=1_000))), a_caller(limit=dollars(10)))
    assert isinstance(error, PriceUnknown)
    assert (error.status, error.code) == (400, "price_unknown")
    assert "facts: {'lab/model-0'" in error.message


async def test_an_unknown_price_that_is_allowed_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    limited = Limited(CallLimits(unknown_price="allow"), route=a_route(None))
    for _ in range(2):
        assert (await limited.ask(a_caller(limit=dollars(10))))["x-isthmus-cost"] == "unknown"
    assert limited.counters.values["limits_price_unknown",] == 2
    assert caplog.text.count("the price of lab/model-0 is not known") == 1


async def test_without_a_budget_nobody_asks_for_prices() -> None:
    assert "x-isthmus-cost" not in await Limited(route=a_route(None)).ask(a_caller(limit=TWO_A_MINUTE))


async def test_a_new_layer_goes_on_counting_with_new_limits() -> None:
    before = Limited()
    caller = a_caller(limit=TWO_A_MINUTE)
    await before.ask(caller)
    after = Limited(desk=before.desk)
    await after.ask(a_caller(limit=TWO_A_MINUTE))
    assert isinstance(await refusal(after, a_caller(limit=TWO_A_MINUTE)), RateLimited)
    await after.ask(a_caller(limit=Limit(requests_per_minute=3)))


class Gone:
    """A Redis that does not answer."""

    def reserve_at_once(self, buckets: Sequence[Bucket], amounts: Amounts) -> None:
        return None

    async def reserve(
        self, buckets: Sequence[Bucket], amounts: Amounts, attempts: Sequence[Named] = ()
    ) -> Lease | Refusal:
        raise RedisUnavailable("gone")

    def release(self, lease: Lease) -> None:
        raise AssertionError

    def settle(self, lease: Lease, amounts: Amounts) -> None:
        raise AssertionError


def without_redis(limits: CallLimits | None = None) -> Limited:
    limited = Limited(limits)
    limited.desk.store = Gone()
    return limited


async def test_without_redis_this_worker_counts_alone_and_says_so() -> None:
    limited = without_redis()
    caller = a_caller(limit=TWO_A_MINUTE)
    await limited.ask(caller)
    assert (await limited.ask(caller))["x-ratelimit-remaining-requests"] == "0"
    assert isinstance(await refusal(limited, caller), RateLimited)
    assert limited.counters.values["limits_without_redis",] == 3


async def test_without_redis_nobody_spends() -> None:
    error = await refusal(without_redis(), a_caller(limit=dollars(100)))
    assert isinstance(error, LimitsUnavailable)
    assert (error.status, error.retry_after) == (503, 1)


async def test_without_redis_everything_limited_is_refused_where_that_is_wanted() -> None:
    limited = without_redis(CallLimits(without_redis="refuse"))
    assert isinstance(await refusal(limited, a_caller(limit=TWO_A_MINUTE)), LimitsUnavailable)


async def test_a_call_that_is_refused_is_not_settled() -> None:
    limited = Limited()
    caller = a_caller(limit=Limit(requests_per_minute=1))
    await limited.ask(caller)
    call: Call = limited.call(caller)
    with pytest.raises(RateLimited):
        await limited.layer(call)
    assert call.on_close == []
