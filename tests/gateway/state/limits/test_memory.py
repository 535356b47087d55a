"""One process counts: windows, calls in progress, money."""

import pytest

from gateway.state.limits.contract import NEVER, SOON, Bucket, Lease, Refusal
from gateway.state.limits.memory import MemoryLimits
from tests.gateway.state.limits.buckets import (
    DAY,
    HOUR,
    MINUTE,
    Clock,
    money,
    parallel,
    requests,
    tokens,
    tokens_per_day,
    untold,
)


class Store:
    """A store with a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[str, int]] = []
        self.limits = MemoryLimits(lambda bucket, spent: self.told.append((bucket.name, spent)), self.clock)

    async def reserve(self, *buckets: Bucket, tokens: int = 0, money: int = 0) -> Lease:
        answer = await self.limits.reserve(buckets, (1, tokens, 1, money))
        assert isinstance(answer, Lease)
        return answer

    async def refuse(self, *buckets: Bucket, tokens: int = 0, money: int = 0) -> Refusal:
        answer = await self.limits.reserve(buckets, (1, tokens, 1, money))
        assert isinstance(answer, Refusal)
        return answer

    def settle(self, lease: Lease, tokens: int = 0, money: int = 0) -> None:
        self.limits.settle(lease, (1, tokens, 0, money))


@pytest.fixture
def store() -> Store:
    return Store()


async def test_so_many_requests_pass_in_a_minute_and_no_more(store: Store) -> None:
    for used in (1, 2, 3):
        assert (await store.reserve(requests(3))).used == [used]
    refusal = await store.refuse(requests(3))
    assert (refusal.bucket.name, refusal.used) == ("requests", 3)


async def test_at_the_time_told_there_is_room_and_not_before(store: Store) -> None:
    await store.reserve(requests(1))
    wait = (await store.refuse(requests(1))).wait
    assert MINUTE <= wait <= MINUTE + 1_000
    store.clock.now += wait - 1
    assert (await store.refuse(requests(1))).wait == 1
    store.clock.now += 1
    await store.reserve(requests(1))


async def test_after_a_long_rest_nothing_counts(store: Store) -> None:
    await store.reserve(requests(1))
    store.clock.now += 10 * DAY
    assert (await store.reserve(requests(1))).used == [1]


async def test_a_window_of_a_day_frees_what_is_a_day_old(store: Store) -> None:
    await store.reserve(tokens_per_day(100), tokens=60)
    store.clock.now += 12 * HOUR
    await store.reserve(tokens_per_day(100), tokens=40)
    store.clock.now += 12 * HOUR + 10 * MINUTE
    assert (await store.reserve(tokens_per_day(100), tokens=60)).used == [100]


async def test_all_buckets_are_reserved_or_none(store: Store) -> None:
    await store.reserve(tokens(10), tokens=10)
    assert (await store.refuse(requests(5), tokens(10), tokens=1)).bucket.name == "tokens"
    assert (await store.reserve(requests(5))).used == [1]


async def test_the_longest_wait_is_told(store: Store) -> None:
    await store.reserve(requests(1), parallel(1))
    assert (await store.refuse(parallel(1), requests(1))).bucket.name == "requests"


async def test_a_settled_call_counts_with_what_it_used(store: Store) -> None:
    store.settle(await store.reserve(tokens(100), tokens=90), tokens=20)
    assert (await store.reserve(tokens(100), tokens=80)).used == [100]


async def test_what_was_used_beyond_the_reservation_counts(store: Store) -> None:
    store.settle(await store.reserve(tokens(100), tokens=10), tokens=100)
    assert (await store.refuse(tokens(100), tokens=1)).used == 100


async def test_a_call_that_ends_after_its_window_changes_nothing(store: Store) -> None:
    lease = await store.reserve(tokens(100), tokens=90)
    store.clock.now += 2 * MINUTE
    other = await store.reserve(tokens(100), tokens=50)
    store.settle(lease, tokens=10)
    assert other.used == [50]
    assert (await store.reserve(tokens(100), tokens=50)).used == [100]


async def test_settling_twice_is_settling_once(store: Store) -> None:
    lease = await store.reserve(tokens(100), parallel(2), money(100), tokens=90, money=90)
    store.settle(lease, tokens=50, money=50)
    store.settle(lease, tokens=50, money=50)
    assert (await store.reserve(tokens(100), parallel(2), money(100), tokens=1, money=1)).used == [51, 1, 51]


async def test_more_than_the_whole_limit_never_passes(store: Store) -> None:
    assert (await store.refuse(tokens(10), tokens=11)).wait == NEVER
    assert (await store.refuse(money(10), money=11)).wait == NEVER


async def test_a_place_is_free_when_its_call_is_over(store: Store) -> None:
    lease = await store.reserve(parallel(1))
    refusal = await store.refuse(parallel(1))
    assert (refusal.wait, refusal.held) == (SOON, True)
    store.settle(lease)
    await store.reserve(parallel(1))


async def test_a_place_can_be_given_back_before_the_rest_is_settled(store: Store) -> None:
    lease = await store.reserve(parallel(1), tokens(100), tokens=90)
    store.limits.release(lease)
    again = await store.reserve(parallel(1), tokens(100), tokens=10)
    assert again.used == [1, 100]
    store.settle(lease, tokens=20)
    assert (await store.refuse(parallel(1))).used == 1


async def test_money_that_calls_hold_is_told_from_money_that_is_spent(store: Store) -> None:
    lease = await store.reserve(money(100), money=80)
    held = await store.refuse(money(100), money=30)
    assert (held.held, held.wait, held.spent) == (True, SOON, 0)
    store.settle(lease, money=75)
    spent = await store.refuse(money(100), money=30)
    assert (spent.held, spent.spent) == (False, 75)
    assert spent.wait == DAY - store.clock.now % DAY


async def test_a_budget_that_is_spent_is_news_once_in_a_period(store: Store) -> None:
    store.settle(await store.reserve(money(100), money=100), money=100)
    assert (await store.refuse(money(100), money=1)).first
    assert not (await store.refuse(money(100), money=1)).first
    store.clock.now += DAY
    store.settle(await store.reserve(money(100), money=100), money=100)
    assert (await store.refuse(money(100), money=1)).first


async def test_a_call_too_dear_for_the_whole_budget_is_no_news_of_it(store: Store) -> None:
    assert not (await store.refuse(money(100), money=101)).first


async def test_a_new_period_begins_with_all_of_it(store: Store) -> None:
    old = await store.reserve(money(100), money=90)
    store.clock.now += DAY
    new = await store.reserve(money(100), money=100)
    store.settle(old, money=90)
    store.settle(new, money=100)
    assert (await store.refuse(money(100), money=1)).spent == 100


async def test_a_total_budget_has_no_end(store: Store) -> None:
    store.settle(await store.reserve(money(100, "total"), money=100), money=100)
    store.clock.now += 1_000 * DAY
    assert (await store.refuse(money(100, "total"), money=1)).wait == NEVER


async def test_the_soft_end_is_told_when_it_is_passed(store: Store) -> None:
    budget = money(100, warn=50)
    store.settle(await store.reserve(budget, money=40), money=40)
    assert store.told == []
    store.settle(await store.reserve(budget, money=20), money=15)
    store.settle(await store.reserve(budget, money=20), money=15)
    assert store.told == [("money:day", 55)]


async def test_a_clock_that_goes_back_gives_nothing_back(store: Store) -> None:
    await store.reserve(requests(1))
    store.clock.now -= HOUR
    await store.refuse(requests(1))


async def test_holders_that_came_and_went_are_forgotten() -> None:
    clock = Clock()
    limits = MemoryLimits(untold, clock)
    for number in range(100_000):
        await limits.reserve([requests(5, f"owner:{number}")], (1, 0, 1, 0))
        clock.now += 100
    assert len(limits._states) < 9_000


async def test_a_holder_with_something_counted_is_kept_while_others_are_forgotten() -> None:
    clock = Clock()
    limits = MemoryLimits(untold, clock)
    await limits.reserve([money(5, "total"), parallel(3)], (1, 0, 1, 2))
    for number in range(20_000):
        await limits.reserve([requests(5, f"owner:{number}")], (1, 0, 1, 0))
        clock.now += 100
    answer = await limits.reserve([money(5, "total"), parallel(3)], (1, 0, 1, 2))
    assert isinstance(answer, Lease)
    assert answer.used == [4, 2]
