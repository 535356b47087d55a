"""What the ledger writes into its journal, and what its writer makes of that."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.wire.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from adapters.wire.usage import Usage
from config.facts import Facts, Prices
from config.routing import Deployment, Model
from gateway.call import Attempt, Call
from gateway.ledger.journal import Journal
from gateway.ledger.ledger import Ledger
from gateway.ledger.retention import Retention
from gateway.ledger.row import COLUMNS
from gateway.ledger.writer import Writer
from gateway.observe.counter import Counter
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.route import Route
from gateway.state.records.contract import RecordsUnavailable, Value
from gateway.state.records.sqlite import SqliteRecords
from tests.gateway.calls import a_call, a_target
from tests.gateway.ledger.rows import a_row, write

PRICES = Prices(prompt=1, completion=10, version="2026-11-01")
TARGET = a_target()
ROUTE = Route("m", Model(deployments=[Deployment(provider="lab", model="llama")]), (TARGET,), (Facts(prices=PRICES),))
BYTES = 200_000
SEGMENT = 20_000


class Desk:
    """A ledger with its journal and its database; `away` is that of a database that does not answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self.folder.mkdir(exist_ok=True)
        self.counters = Counters()
        self.counter = Counter()
        self.estimates = Estimates(self.counter)
        self.records = Records(folder / "records.db")
        self.journal = Journal(self.folder, BYTES, SEGMENT)
        self.ledger = Ledger(self.journal, self.estimates, self.counters)
        self.writer = Writer(self.ledger, self.records, self.folder, self.counters, 400)

    def call(self, **fields: Any) -> Call:
        """A call that is recorded."""
        call = a_call(**fields)
        call.route = ROUTE
        call.on_begin = self.ledger.begin
        call.on_close.append(self.ledger.close)
        return call

    def attempt(self, call: Call, cause: Any = "first") -> Attempt:
        """One that has begun."""
        return call.begin(TARGET, cause, time.monotonic())

    async def rows(self) -> list[dict[str, Value]]:
        """Every row, once the writer has ended."""
        await self.estimates.close()
        await self.counter.close()
        await self.writer.close()
        return await self.written()

    async def written(self) -> list[dict[str, Value]]:
        """The rows so far."""
        found = await self.records.fetch(f"SELECT {', '.join(COLUMNS)} FROM attempts ORDER BY began, attempt_id")
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]


class Records(SqliteRecords):
    """A database that may be away."""

    away = False

    async def execute(self, statement: str, *values: Value) -> int:
        if self.away:
            raise RecordsUnavailable("it is away")
        return await super().execute(statement, *values)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.records.close()


def end(attempt: Attempt, status: int = 200, usage: Usage | None = None) -> None:
    now = time.monotonic()
    attempt.first = now if status == 200 else 0.0
    attempt.ended, attempt.status, attempt.usage = now, status, usage


async def test_a_loser_of_a_hedge_has_used_its_prompt(desk: Desk) -> None:
    call = desk.call()
    winner, loser = desk.attempt(call), desk.attempt(call, "hedge")
    end(loser, 499)
    end(winner, usage=Usage(30, 5))
    call.usage, call.status = winner.usage, 200
    call.close()
    first, second = sorted(await desk.rows(), key=lambda row: str(row["cause"]))
    assert (first["cause"], first["cost"], first["opens"]) == ("first", 30 * 1_000 + 5 * 10_000, 1)
    assert (second["cause"], second["status"], second["opens"]) == ("hedge", 499, 0)
    assert (second["prompt_tokens"], second["completion_tokens"], second["estimated"]) == (30, 0, 1)


@pytest.mark.parametrize(
    ("fault", "cost"),
    [(UpstreamUnreachable("It can't be reached."), 0), (UpstreamTimeout("It is too slow."), None)],
    ids=["unreachable", "too slow"],
)
async def test_who_was_not_reached_costs_nothing_and_who_was_too_slow_may(
    desk: Desk, fault: UpstreamError, cost: int | None
) -> None:
    call = desk.call()
    desk.attempt(call).fail(fault, time.monotonic())
    call.close()
    (row,) = await desk.rows()
    assert (row["status"], row["error"], row["cost"]) == (0, fault.code, cost)


async def test_to_count_tokens_costs_nothing(desk: Desk) -> None:
    call = desk.call(operation="count_tokens")
    end(desk.attempt(call))
    call.status = 200
    call.close()
    (row,) = await desk.rows()
    assert (row["status"], row["prompt_tokens"], row["cost"]) == (200, 0, 0)


async def test_tokens_that_nobody_told_are_counted_once_for_all(desk: Desk) -> None:
    told: list[Usage] = []
    call = desk.call(messages=[{"role": "user", "content": "Hello there, how are you?"}])
    end(desk.attempt(call))
    call.status = 200
    call.on_close.insert(0, lambda call: desk.estimates.then(call, told.append))
    call.close()
    (row,) = await desk.rows()
    assert (row["prompt_tokens"], row["estimated"]) == (told[0].prompt_tokens, 1)
    assert row["cost"] == told[0].prompt_tokens * 1_000


async def test_an_attempt_that_ends_after_its_call_has_its_row_then(desk: Desk) -> None:
    call = desk.call()
    attempt = desk.attempt(call)
    call.close()
    desk.ledger.settle()
    end(attempt, usage=Usage(1, 1))
    (row,) = await desk.rows()
    assert row["status"] == 200


async def test_a_call_beside_another_is_no_request_of_a_client(desk: Desk) -> None:
    call = desk.call()
    end(desk.attempt(call), usage=Usage(1, 1))
    copied = call.twin()
    end(desk.attempt(copied, "mirror"), usage=Usage(1, 1))
    call.close()
    copied.close()
    rows = await desk.rows()
    assert {(row["cause"], row["opens"]) for row in rows} == {("first", 1), ("mirror", 0)}


async def test_without_a_route_there_is_no_price(desk: Desk) -> None:
    call = desk.call()
    call.route = None
    end(desk.attempt(call), usage=Usage(1, 1))
    call.close()
    (row,) = await desk.rows()
    assert (row["cost"], row["price_version"]) == (None, None)


async def test_texts_with_nul_are_taken_by_every_database(desk: Desk) -> None:
    call = desk.call()
    call.body.model = "m\0\\u0000"
    end(desk.attempt(call), usage=Usage(1, 1))
    call.close()
    (row,) = await desk.rows()
    assert str(row["model"]).startswith("m\ufffd")


async def test_a_long_stream_keeps_no_segment_alive(desk: Desk) -> None:
    long = desk.call()
    attempt = desk.attempt(long)
    for _ in range(300):
        call = desk.call()
        end(desk.attempt(call), usage=Usage(1, 1))
        call.close()
        await desk.writer._write()
    assert len(list(desk.folder.rglob("*.segment"))) <= 3
    end(attempt, usage=Usage(7, 7))
    long.close()
    rows = await desk.rows()
    assert len(rows) == 301
    assert [row["prompt_tokens"] for row in rows if row["prompt_tokens"] == 7] == [7]


async def test_a_long_stream_of_a_dead_worker_has_one_row(desk: Desk, tmp_path: Path) -> None:
    desk.attempt(desk.call())
    for _ in range(300):
        call = desk.call()
        end(desk.attempt(call), usage=Usage(1, 1))
        call.close()
        await desk.writer._write()
    desk.journal.close(keep=True)
    heir = Desk(tmp_path)
    await heir.writer._inheritance.look()
    rows = await heir.rows()
    await heir.records.close()
    assert len(rows) == 301
    assert [row["error"] for row in rows].count("worker_lost") == 1


async def test_at_the_bound_attempts_are_counted_as_lost_and_those_under_way_are_not(
    desk: Desk,
) -> None:
    desk.records.away = True
    calls = []
    while not desk.counters.values["ledger_rows_lost",]:
        call = desk.call()
        calls.append((call, desk.attempt(call)))
    for _ in range(9):
        call = desk.call()
        calls.append((call, desk.attempt(call)))
    for call, attempt in calls:
        end(attempt, usage=Usage(1, 1))
        call.close()
    assert desk.counters.values["ledger_rows_lost",] == 10
    desk.records.away = False
    rows = await desk.rows()
    assert len(rows) == len(calls) - 10
    assert {row["status"] for row in rows} == {200}


async def test_once_there_is_room_attempts_are_recorded_again(desk: Desk) -> None:
    while not desk.counters.values["ledger_rows_lost",]:
        call = desk.call()
        end(desk.attempt(call), usage=Usage(1, 1))
        call.close()
    await desk.writer._write()
    call = desk.call()
    end(desk.attempt(call), usage=Usage(77, 1))
    call.close()
    assert 77 in [row["prompt_tokens"] for row in await desk.rows()]


async def test_what_a_database_took_without_saying_so_is_not_doubled(desk: Desk) -> None:
    execute = desk.records.execute

    async def takes_and_fails(statement: str, *values: Value) -> int:
        await execute(statement, *values)
        raise RecordsUnavailable("the answer was lost")

    call = desk.call()
    end(desk.attempt(call), usage=Usage(1, 1))
    call.close()
    desk.records.execute = takes_and_fails  # type: ignore[method-assign]
    with pytest.raises(RecordsUnavailable):
        await desk.writer._write()
    desk.records.execute = execute  # type: ignore[method-assign]
    assert len(await desk.rows()) == 1


async def test_damaged_records_of_a_dead_worker_are_told_and_the_others_written(desk: Desk, tmp_path: Path) -> None:
    for number in range(3):
        call = desk.call()
        end(desk.attempt(call), usage=Usage(number, 1))
        call.close()
    path = desk.journal.segments[0].path
    desk.journal.close(keep=True)
    content = bytearray(path.read_bytes())
    content[content.index(b'"req_1"')] ^= 1
    path.write_bytes(content)
    heir = Desk(tmp_path)
    await heir.writer._inheritance.look()
    rows = await heir.rows()
    await heir.records.close()
    assert [row["prompt_tokens"] for row in rows] == [1, 2]
    assert heir.counters.values["ledger_records_damaged",] == 1


async def test_old_rows_are_deleted_in_small_steps(desk: Desk) -> None:
    now = time.time()
    old = [a_row(now - 11 * 86_400) for _ in range(2_345)]
    await write(desk.records, *old, a_row(now - 9 * 86_400), a_row(now))
    await Retention(desk.records, 10).delete()
    assert len(await desk.written()) == 2
