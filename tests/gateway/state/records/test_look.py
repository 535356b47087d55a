"""A look at the records, as `isthmus check --reach` has it: nothing is changed by it."""

import os
import sqlite3
from pathlib import Path

import pytest

from config.state import Records as Settings
from gateway.state.records.contract import Records, RecordsUnavailable, RecordsUnusable
from gateway.state.records.look import look
from gateway.state.records.migrations import APPLY, migrations
from tests.services.postgres import PostgresServer

NEWEST = migrations()[-1][0]


@pytest.fixture
def files(tmp_path: Path) -> "Files":
    return Files(tmp_path)


class Files:
    """What is in a folder, to the byte."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def now(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self._folder.rglob("*") if path.is_file()}


async def test_an_empty_place_stays_empty(place: Settings, tmp_path: Path) -> None:
    for _ in range(2):
        assert await look(place) == "it has no tables yet: the first start makes them"
    assert os.listdir(tmp_path) == []


async def test_tables_that_are_there_are_told_by_their_version(records: Records, place: Settings) -> None:
    await records.start()
    assert await look(place) == f"its tables have version {NEWEST}"
    await records.execute("DELETE FROM migrations WHERE version > $1", NEWEST - 2)
    assert await look(place) == f"its tables have version {NEWEST - 2}, 2 more at the next start"
    assert await records.fetch("SELECT MAX(version) FROM migrations WHERE version > $1", 0) == [(NEWEST - 2,)]


async def test_tables_of_a_newer_version_are_a_fault(records: Records, place: Settings) -> None:
    await records.execute(APPLY, NEWEST + 1, 0)
    with pytest.raises(RecordsUnusable, match="A newer version of Isthmus made the tables"):
        await look(place)


async def test_a_file_that_nobody_has_open_is_left_as_it_is(tmp_path: Path, files: Files) -> None:
    place = Settings(url=f"sqlite:///{tmp_path / 'some?file#1.db'}")
    connection = sqlite3.connect(tmp_path / "some?file#1.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE migrations (version BIGINT, applied BIGINT)")
    connection.execute("INSERT INTO migrations VALUES (1, 0)")
    connection.commit()
    connection.close()
    before = files.now()
    assert (await look(place)).startswith("its tables have version 1, ")
    assert files.now() == before


async def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_bytes(b"something else " * 100)
    with pytest.raises(RecordsUnavailable, match="not a database"):
        await look(Settings(folder=str(tmp_path)))


async def test_a_folder_that_can_not_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordsUnavailable, match="Not a directory"):
        await look(Settings(folder=str(tmp_path / "file" / "state")))


async def test_a_server_that_is_down_is_a_fault(own_postgres: PostgresServer) -> None:
    place = Settings(url=own_postgres.new_database())
    own_postgres.stop(crash=True)
    with pytest.raises(RecordsUnavailable, match="PostgreSQL: it can't be reached"):
        await look(place)
