"""A budget that its store does not know begins with what the ledger says; every call counts once."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from gateway.observe.counters import Counters
from gateway.state.faults import RedisUnavailable
from gateway.state.limits.contract import Lease, Refusal, Unread
from gateway.state.limits.memory import MemoryLimits
from gateway.state.limits.shared import RedisLimits
from gateway.state.redis import Redis
from tests.gateway.state.limits.books import Books, Spender, WorkerBooks
from tests.gateway.state.limits.buckets import money, untold
from tests.services.redis import RedisServer

MOST = 1_000
BUDGET = money(MOST, "total")
SETTLING = 0.6


class Gateway:
    """Workers that share a Redis and a ledger."""

    def __init__(self, stack: AsyncExitStack, server: RedisServer) -> None:
        self._stack = stack
        self.server = server
        self.prefix = secrets.token_hex(6)
        self.books = Books()

    async def start(self, *, settling: float = SETTLING) -> tuple[RedisLimits, WorkerBooks]:
        books = self.books.worker()
        redis = Redis(self.server.settings(self.prefix, timeout_ms=1_000), Counters())
        store = RedisLimits(redis, untold, past=books, settling=settling)
        self._stack.push_async_callback(redis.close)
        self._stack.push_async_callback(store.close)
        return store, books

    async def forget(self) -> None:
        await asyncio.to_thread(self.server.flush)


@pytest.fixture
async def gateway(own_redis: RedisServer) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        yield Gateway(stack, own_redis)


async def patiently(store: RedisLimits, books: WorkerBooks, most: int) -> Spender | Refusal:
    """Ask as a client does that tries again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await Spender.begin(store, books, BUDGET, most)
            except (Unread, RedisUnavailable):
                await asyncio.sleep(0.02)


async def begun(store: RedisLimits, books: WorkerBooks, most: int) -> Spender:
    call = await patiently(store, books, most)
    assert isinstance(call, Spender)
    return call


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def spent_and_held(store: RedisLimits, books: WorkerBooks) -> tuple[int, int]:
    call = await begun(store, books, 0)
    call.end(0)
    (spent,), (used,) = call.lease.spent, call.lease.used
    return spent, used - spent


async def test_a_new_process_begins_with_what_was_spent() -> None:
    books = Books({"att_old": 900})
    store = MemoryLimits(untold)
    store.past = books.worker()
    refusal = await store.reserve((BUDGET,), (1, 0, 1, 101))
    assert isinstance(refusal, Refusal)
    assert refusal.spent == 900
    assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, 100)), Lease)


async def test_what_is_only_in_a_journal_counts() -> None:
    past = Books().worker()
    past.journal = {"att_left": 900}
    store = MemoryLimits(untold)
    store.past = past
    assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, 101)), Refusal)


async def test_a_crowd_opens_a_purse_once() -> None:
    past = Books({"att_old": 900}).worker()
    store = MemoryLimits(untold)
    store.past = past
    answers = await asyncio.gather(*(store.reserve((BUDGET,), (1, 0, 1, 10)) for _ in range(50)))
    assert sum(isinstance(answer, Lease) for answer in answers) == 10
    assert past.reads == 1


async def test_while_the_ledger_is_slow_calls_are_refused_and_one_reading_goes_on() -> None:
    past = Books({"att_old": 900}).worker()
    past.may_read.clear()
    store = MemoryLimits(untold, opening_seconds=0.01)
    store.past = past
    for _ in range(3):
        with pytest.raises(Unread):
            await store.reserve((BUDGET,), (1, 0, 1, 1))
    past.may_read.set()
    store._opening_seconds = 5.0
    assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, 1)), Lease)
    assert past.reads == 1


async def test_while_the_ledger_is_down_nobody_spends() -> None:
    books = Books(down=True)
    store = MemoryLimits(untold)
    store.past = books.worker()
    with pytest.raises(Unread):
        await store.reserve((BUDGET,), (1, 0, 1, 1))
    books.down = False
    assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, 1)), Lease)


async def test_a_purse_that_is_open_asks_nobody() -> None:
    past = Books().worker()
    store = MemoryLimits(untold)
    store.past = past
    for _ in range(5):
        assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, 1)), Lease)
    assert past.reads == 1


async def test_after_redis_forgot_what_was_spent_still_counts(gateway: Gateway) -> None:
    store, books = await gateway.start()
    (await begun(store, books, 500)).end(400)
    await until(lambda: not store.unsettled)
    await gateway.forget()
    assert await spent_and_held(store, books) == (400, 0)


async def test_after_redis_forgot_what_calls_hold_is_held_again_and_settled_once(gateway: Gateway) -> None:
    one, his = await gateway.start()
    other, hers = await gateway.start()
    calls = [await begun(store, books, 300) for store, books in ((one, his), (other, hers))]
    await gateway.forget()
    assert await spent_and_held(one, his) == (0, 600)
    for call in calls:
        call.end(100)
    await until(lambda: not one.unsettled and not other.unsettled)
    assert await spent_and_held(other, hers) == (200, 0)


async def test_a_call_that_ends_while_a_purse_is_opened_counts_once(gateway: Gateway) -> None:
    one, his = await gateway.start()
    other, hers = await gateway.start()
    across = await begun(one, his, 300)
    across.attempt()
    await gateway.forget()
    his.may_read.clear()
    hers.may_read.clear()
    asked = asyncio.ensure_future(patiently(other, hers, 0))
    await asyncio.sleep(2 * SETTLING)
    across.end(200)
    await his.write()
    await until(lambda: not one.unsettled)
    his.may_read.set()
    hers.may_read.set()
    call = await asked
    assert isinstance(call, Spender)
    assert (list(call.lease.spent), list(call.lease.used)) == ([200], [200])


async def test_a_worker_whose_journal_is_not_written_keeps_a_purse_shut(gateway: Gateway) -> None:
    one, his = await gateway.start()
    other, hers = await gateway.start()
    (await begun(one, his, 1_000)).end(1_000)
    await until(lambda: not one.unsettled)
    his.may_write.clear()
    await gateway.forget()
    with pytest.raises(Unread):
        await one.reserve((BUDGET,), (1, 0, 1, 1))
    await asyncio.sleep(2 * SETTLING)
    with pytest.raises(Unread):
        await other.reserve((BUDGET,), (1, 0, 1, 1))
    his.may_write.set()
    assert isinstance(await patiently(other, hers, 1), Refusal)


async def test_a_lost_purse_alone_is_opened_again(gateway: Gateway) -> None:
    store, books = await gateway.start()
    (await begun(store, books, 500)).end(400)
    held = await begun(store, books, 300)
    await until(lambda: not store.unsettled)
    with gateway.server.client() as client:
        client.delete(store._key(BUDGET.name))
    assert await spent_and_held(store, books) == (400, 300)
    held.end(50)
    await until(lambda: not store.unsettled)
    assert await spent_and_held(store, books) == (450, 0)


async def test_a_redis_that_came_back_with_an_older_state_is_not_believed(gateway: Gateway) -> None:
    store, books = await gateway.start()
    (await begun(store, books, 500)).end(100)
    await until(lambda: not store.unsettled)
    with gateway.server.client() as client:
        old = client.dump(key := store._key(BUDGET.name))
        (await begun(store, books, 500)).end(400)
        await until(lambda: not store.unsettled)
        client.restore(key, 0, old, replace=True)
        client.script_flush()  # as a server does that was started anew
    assert await spent_and_held(store, books) == (500, 0)


async def test_without_a_ledger_nothing_is_asked(gateway: Gateway) -> None:
    redis = Redis(gateway.server.settings(gateway.prefix, timeout_ms=1_000), Counters())
    store = RedisLimits(redis, untold)
    assert isinstance(await store.reserve((BUDGET,), (1, 0, 1, MOST)), Lease)
    await store.close()
    await redis.close()


@pytest.mark.parametrize("seed", range(3))
async def test_whenever_redis_forgets_a_crowd_never_spends_more(gateway: Gateway, seed: int) -> None:
    """Four workers of two replicas, a hundred calls at once, of which each costs up to what it reserved."""
    some = random.Random(seed)
    workers = [await gateway.start() for _ in range(4)]
    spent: list[int] = []
    over = asyncio.Event()

    async def client() -> None:
        while not over.is_set():
            store, books = some.choice(workers)
            try:
                call = await Spender.begin(store, books, BUDGET, 8)
            except (Unread, RedisUnavailable):
                await asyncio.sleep(0.05)
                continue
            if isinstance(call, Refusal):
                if not call.held:
                    return
                await asyncio.sleep(0.01)
                continue
            await asyncio.sleep(some.uniform(0, 0.4))
            call.attempt()
            await asyncio.sleep(some.uniform(0, 0.4))
            cost = some.randint(0, 4)
            spent.append(cost)
            call.end(cost)

    async def journals() -> None:
        while True:
            await asyncio.sleep(some.uniform(0.1, 0.5))
            await some.choice(workers)[1].write()

    async def faults() -> None:
        for _ in range(3):
            await asyncio.sleep(some.uniform(0.3, 1.5))
            await (gateway.forget() if some.random() < 0.5 else asyncio.to_thread(gateway.server.restart))
        await asyncio.sleep(2 * SETTLING)

    writing = asyncio.create_task(journals())
    clients = [asyncio.create_task(client()) for _ in range(100)]
    await faults()
    await asyncio.wait(clients, timeout=15)
    over.set()
    await asyncio.gather(*clients)
    writing.cancel()
    assert sum(spent) <= MOST
    assert sum(spent) > MOST - 8
