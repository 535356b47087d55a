"""The SQLite file: who may read it, and what happens when it can't be used."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from config.state import Records as Settings
from gateway.state.records.contract import RecordsUnavailable, RecordsUnusable
from gateway.state.records.open import open_records
from gateway.state.records.sqlite import SqliteRecords


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    records = open_records(Settings(folder=str(tmp_path / "deep" / "state")))
    await records.start()
    folder = tmp_path / "deep" / "state"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    await records.close()


async def test_it_is_in_the_users_state_folder_unless_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    records = open_records(Settings())
    await records.start()
    assert (tmp_path / "xdg" / "isthmus" / "records.db").exists()
    await records.close()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    records = open_records(Settings())
    await records.start()
    assert (tmp_path / "home" / ".local" / "state" / "isthmus" / "records.db").exists()
    await records.close()


@pytest.mark.parametrize("turns", range(8))
async def test_whoever_is_cancelled_while_an_answer_is_on_its_way_is_cancelled(tmp_path: Path, turns: int) -> None:
    records = SqliteRecords(tmp_path / "records.db")
    await records.start()
    asking = asyncio.create_task(records.fetch("SELECT 1"))
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251 - the thread is done, and nobody has looked yet
    for _ in range(turns):
        await asyncio.sleep(0)
    if asking.cancel():
        with pytest.raises(asyncio.CancelledError):
            await asking
    await records.close()


async def test_a_long_query_delays_no_write(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.db")
    long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT COUNT(*) FROM n"
    await records.start()
    reading = asyncio.create_task(records.fetch(long))
    await asyncio.sleep(0.05)
    await records.execute("UPDATE key_changes SET number = 1")
    assert not reading.done()
    reading.cancel()
    for connection in records._connections:
        connection.interrupt()
    await records.close()


async def test_a_writer_waits_for_another_process(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.db")
    await records.start()
    with sqlite3.connect(tmp_path / "records.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(records.execute("UPDATE key_changes SET number = 1"))
        await asyncio.sleep(0.05)
        assert not writing.done()
        other.execute("COMMIT")
        assert await writing == 1
    other.close()
    await records.close()


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"not a database" * 1_000)
    records = SqliteRecords(tmp_path / "records.db")
    with pytest.raises(RecordsUnavailable, match="not a database"):
        await records.start()
    await records.close()


async def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    records = open_records(Settings(url=f"sqlite:///{tmp_path}/missing/records.db"))
    with pytest.raises(RecordsUnusable, match=r"missing/records\.db can't be opened: No such file"):
        await records.start()
    await records.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsUnusable, match=r"file/state .* can't be made"):
        open_records(Settings(folder=str(tmp_path / "file" / "state")))


async def test_it_works_again_once_the_place_is_there(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "later" / "records.db")
    with pytest.raises(RecordsUnusable):
        await records.start()
    (tmp_path / "later").mkdir()
    await records.start()
    assert records.fault is None
    await records.close()
