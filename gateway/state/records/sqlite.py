"""Records in a SQLite file that all workers of one machine share."""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateway.state.records.contract import Conflict, RecordsUnavailable, RecordsUnusable, Row, Step, Value
from gateway.state.records.migrations import APPLIED, APPLY, TABLE, pending

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], _T]

log = logging.getLogger("isthmus.records")

_BUSY_SECONDS = 5.0
"""How long a statement waits while another worker writes."""
_TIMEOUT_SECONDS = 15.0
"""How long a verb may take, its wait for those before it included."""
_READERS = 2


class SqliteRecords:
    """A file; one thread writes to it, and others read, so that a long query delays no write."""

    json_each = "json_each"

    def __init__(self, path: Path) -> None:
        self.fault: str | None = None
        self._path = path
        self._writer = ThreadPoolExecutor(1, "isthmus-records-writer")
        self._readers = ThreadPoolExecutor(_READERS, "isthmus-records-reader")
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self._migrated = False

    async def start(self) -> None:
        """Open the file. Raises RecordsUnavailable."""
        await self._run(self._writer, lambda connection: None)

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        """The rows of a query."""
        named = _named(values)
        return await self._run(self._readers, lambda connection: connection.execute(statement, named).fetchall())

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one statement in a transaction of its own; give the number of rows it changed."""
        (changed,) = await self.transact((statement, values))
        return changed

    async def execute_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, all in one transaction."""
        named = [_named(row) for row in rows]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, named)

        await self._run(self._writer, partial(_whole, work))

    async def transact(self, *steps: Step) -> list[int]:
        """Run statements in one transaction; give the number of rows that each changed."""
        named = [(statement, _named(values)) for statement, values in steps]

        def work(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(statement, values).rowcount for statement, values in named]

        return await self._run(self._writer, partial(_whole, work))

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        await asyncio.to_thread(self._close)

    async def _run(self, threads: ThreadPoolExecutor, work: _Work[_T]) -> _T:
        try:
            running = asyncio.get_running_loop().run_in_executor(threads, self._in_thread, work)
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                outcome = await running
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from None
        except RecordsUnavailable as error:
            self.fault = str(error)
            raise
        except (sqlite3.Error, OSError, RuntimeError) as error:  # a TimeoutError is an OSError
            self.fault = f"{self._path}: {error or 'it takes too long'}"
            raise RecordsUnavailable(self.fault) from None
        self.fault = None
        return outcome

    def _in_thread(self, work: _Work[_T]) -> _T:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._open()
        return work(connection)

    def _open(self) -> sqlite3.Connection:
        with self._opening:
            try:
                if not self._connections:  # to close the file later would give up SQLite's own locks on it (fcntl(2))
                    os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            except OSError as error:
                raise RecordsUnusable(f"The database {self._path} can't be opened: {error.strerror}.") from None
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                if not self._migrated:
                    _whole(_migrate, connection)
                    self._migrated = True
            except BaseException:
                connection.close()
                raise
            self._connections.append(connection)
            return connection

    def _close(self) -> None:
        for threads in (self._writer, self._readers):
            threads.shutdown()
        for connection in self._connections:
            connection.close()


def _named(values: Row) -> dict[str, Value]:
    """Values under the names that SQLite gives to `$1`, `$2` …"""
    return {str(number): value for number, value in enumerate(values, 1)}


def _whole(work: _Work[_T], connection: sqlite3.Connection) -> _T:
    """Do this in one transaction, which takes the lock for writing at its beginning: two never wait for each other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcome = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # some errors have ended it already
            connection.execute("ROLLBACK")
        raise
    return outcome


def _patiently(work: Callable[[], object]) -> None:
    """Do this again while the file is locked: SQLite itself does not wait when it changes how a journal is kept."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute(TABLE)
    (applied,) = connection.execute(APPLIED).fetchone()
    for version, statements in pending(applied):
        for statement in statements:
            connection.execute(statement)
        connection.execute(APPLY, _named((version, time.time_ns() // 1000)))
        log.info(
            "the database %s has version %d now", connection.execute("PRAGMA database_list").fetchone()[2], version
        )
