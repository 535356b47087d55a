"""What both databases do alike: values, transactions, conflicts, migrations by many at once."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import pytest

from config.state import Records as Settings
from gateway.state.records import migrations
from gateway.state.records.contract import Conflict, Records, RecordsUnavailable, RecordsUnusable, Row
from gateway.state.records.open import open_records
from tests.upstream.script import PATIENCE

TABLE = "CREATE TABLE notes (id BIGINT PRIMARY KEY, words TEXT, share DOUBLE PRECISION)"
ADD = "INSERT INTO notes (id, words, share) VALUES ($1, $2, $3)"
ALL = "SELECT id, words, share FROM notes ORDER BY id"

START = """
import asyncio, sys
from config.state import Records as Settings
from gateway.state.records.open import open_records
async def start():
    records = open_records(Settings(url=sys.argv[1] or None, folder=sys.argv[2] or None))
    await records.start()
    await records.execute("UPDATE key_changes SET number = number + 1")
    await records.close()
asyncio.run(start())
"""


@pytest.fixture
async def notes(records: Records) -> Records:
    """A database with one table more."""
    await records.execute(TABLE)
    return records


async def rows(records: Records) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await records.fetch(ALL)]


async def test_values_come_back_as_they_went_in(notes: Records) -> None:
    assert await notes.execute(ADD, 2**62, "Grüße 'quoted' $1 \U0001f600", 0.1) == 1
    assert await notes.execute(ADD, -1, None, None) == 1
    assert await rows(notes) == [(-1, None, None), (2**62, "Grüße 'quoted' $1 \U0001f600", 0.1)]


async def test_a_parameter_may_stand_twice_and_in_any_order(notes: Records) -> None:
    await notes.execute(ADD, 1, "a", 0.5)
    assert len(await notes.fetch("SELECT id FROM notes WHERE words = $2 AND id = $1 AND id >= $1", 1, "a")) == 1


async def test_the_number_of_changed_rows_is_told(notes: Records) -> None:
    await notes.execute_many(ADD, [(number, "old", 0.0) for number in range(5)])
    assert await notes.execute("UPDATE notes SET words = 'new' WHERE id < $1", 3) == 3
    assert await notes.execute("DELETE FROM notes WHERE id = $1", 99) == 0


async def test_one_conflict_undoes_every_row_of_its_batch(notes: Records) -> None:
    await notes.execute(ADD, 3, "first", 0.0)
    with pytest.raises(Conflict):
        await notes.execute_many(ADD, [(number, "batch", 0.0) for number in range(5)])
    assert await rows(notes) == [(3, "first", 0.0)]


async def test_one_conflict_undoes_every_step_of_its_transaction(notes: Records) -> None:
    await notes.execute(ADD, 1, "first", 0.0)
    with pytest.raises(Conflict):
        await notes.transact(("UPDATE notes SET words = $1", ["changed"]), (ADD, [1, "again", 0.0]))
    assert await rows(notes) == [(1, "first", 0.0)]
    assert await notes.transact((ADD, [2, "b", 0.0]), ("UPDATE notes SET words = $1", ["c"])) == [1, 2]


async def test_a_conflict_is_no_fault_of_the_database(notes: Records) -> None:
    await notes.execute(ADD, 1, "first", 0.0)
    with pytest.raises(Conflict):
        await notes.execute(ADD, 1, "again", 0.0)
    assert notes.fault is None


async def test_adding_one_by_many_at_once_loses_none(records: Records, place: Settings) -> None:
    other = open_records(place)
    await asyncio.gather(
        *(each.execute("UPDATE key_changes SET number = number + 1") for each in (records, other) for _ in range(50))
    )
    assert [tuple(row) for row in await other.fetch("SELECT number FROM key_changes")] == [(100,)]
    await other.close()


def run_at_once(place: Settings) -> None:
    """Sixteen processes that open the database and write to it."""
    command = [sys.executable, "-c", START, place.url or "", place.folder or ""]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(16)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 16, said


async def test_sixteen_processes_may_start_at_once(place: Settings) -> None:
    await asyncio.to_thread(run_at_once, place)
    records = open_records(place)
    assert [tuple(row) for row in await records.fetch("SELECT number FROM key_changes")] == [(16,)]
    assert len(await records.fetch("SELECT version FROM migrations")) == len(migrations.migrations())
    await records.close()


async def test_a_database_of_a_newer_version_is_refused(records: Records, place: Settings) -> None:
    await records.execute(migrations.APPLY, 9_999, 0)
    again = open_records(place)
    with pytest.raises(RecordsUnusable, match=r"newer version of Isthmus .*9999"):
        await again.start()
    assert again.fault is not None
    await again.close()


async def test_a_migration_that_fails_leaves_nothing_behind(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    right = migrations.migrations()
    wrong = [*right, (9_000, ["CREATE TABLE half (id BIGINT)", "CREATE TABLE half (id BIGINT)"])]
    monkeypatch.setattr(migrations, "migrations", lambda: wrong)
    failing = open_records(place)
    with pytest.raises(Exception, match="half"):
        await failing.start()
    await failing.close()
    monkeypatch.setattr(migrations, "migrations", lambda: right)
    records = open_records(place)
    await records.execute("CREATE TABLE half (id BIGINT)")
    await records.close()


LONG = {
    "sqlite": "CREATE TABLE late AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) "
    "SELECT MAX(i) AS id FROM n",
    "postgres": "CREATE TABLE late AS SELECT 2000000 AS id FROM pg_sleep(1)",
}


async def test_a_migration_goes_on_when_a_verb_has_no_more_time(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = "postgres" if place.url else "sqlite"
    longer = [*migrations.migrations(), (9_000, [LONG[kind]])]
    monkeypatch.setattr(migrations, "migrations", lambda: longer)
    records = open_records(place)
    with monkeypatch.context() as hurried:
        hurried.setattr(f"gateway.state.records.{kind}._TIMEOUT_SECONDS", 0.2)
        with pytest.raises(RecordsUnavailable):
            await records.start()
    assert [tuple(row) for row in await _late(records)] == [(2_000_000,)]
    await records.close()


async def _late(records: Records) -> Sequence[Row]:
    """What the migration made, as soon as it is there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await records.fetch("SELECT id FROM late")
            except RecordsUnavailable:
                await asyncio.sleep(0.05)


async def test_whoever_leaves_in_a_migration_can_come_back(place: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "postgres" if place.url else "sqlite"
    longer = [*migrations.migrations(), (9_000, [LONG[kind]])]
    monkeypatch.setattr(migrations, "migrations", lambda: longer)
    leaving = open_records(place)
    with monkeypatch.context() as hurried:
        hurried.setattr(f"gateway.state.records.{kind}._TIMEOUT_SECONDS", 0.2)
        with pytest.raises(RecordsUnavailable):
            await leaving.start()
    await leaving.close()
    again = open_records(place)
    assert await _late(again)
    await again.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [version for version, _ in migrations.migrations()] == list(range(1, len(migrations.migrations()) + 1))
