"""Records in a PostgreSQL database that all replicas share."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

import asyncpg

from adapters.postgres import BROKEN, borrowed
from adapters.shielded import shielded
from gateway.state.records.contract import Conflict, RecordsUnavailable, Row, Step, Value
from gateway.state.records.migrations import APPLIED, APPLY, TABLE, pending

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy

log = logging.getLogger("isthmus.records")

_CONNECT_SECONDS = 3.0
_TIMEOUT_SECONDS = 15.0
"""How long a verb may take, its wait for a connection included."""
_MIGRATION_SECONDS = 3_600.0
"""How long one change of the tables may take: an index over all rows takes minutes."""
_CONNECTIONS = 4
"""Of each worker, at most; none while nothing is asked."""
_IDLE_SECONDS = 300.0
_LOCK = 0x697374686D7573
"""Whoever holds this advisory lock may change the tables: the letters of the project's name."""


class PostgresRecords:
    """A database by its URL; it may be down at any time, and is used again once it is back."""

    json_each = "jsonb_each"

    def __init__(self, url: str) -> None:
        self.fault: str | None = None
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._preparing = asyncio.Lock()
        self._migration: asyncio.Task[None] | None = None
        """Goes on when the verb that began it has no more time."""

    async def start(self) -> None:
        """Reach the database. Raises RecordsUnavailable."""
        await self.fetch("SELECT 1")

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        """The rows of a query."""
        async with self._connection() as connection:
            return cast("list[Row]", await connection.fetch(statement, *values))

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one statement in a transaction of its own; give the number of rows it changed."""
        async with self._connection() as connection:
            return _changed(await connection.execute(statement, *values))

    async def execute_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, all in one transaction."""
        async with self._connection() as connection:
            await connection.executemany(statement, rows)

    async def transact(self, *steps: Step) -> list[int]:
        """Run statements in one transaction; give the number of rows that each changed."""
        async with self._connection() as connection, connection.transaction():
            return [_changed(await connection.execute(statement, *values)) for statement, values in steps]

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        if self._pool is None:
            return
        if self._migration is not None and self._migration.cancel():
            await asyncio.wait([self._migration])
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["Connection"]:
        """A connection to a database whose tables are there."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                pool = await self._prepared()
                async with borrowed(pool) as connection:
                    yield connection
        except asyncpg.UniqueViolationError as error:
            raise Conflict(error.constraint_name or str(error)) from None
        except RecordsUnavailable as error:
            self.fault = str(error)
            raise
        except (OSError, asyncpg.PostgresError, *BROKEN) as error:  # a TimeoutError is an OSError
            self.fault = f"PostgreSQL: {_reason(error)}"
            raise RecordsUnavailable(self.fault) from None
        self.fault = None

    async def _prepared(self) -> "asyncpg.Pool":
        async with self._preparing:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=_CONNECTIONS,
                    max_inactive_connection_lifetime=_IDLE_SECONDS,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_TIMEOUT_SECONDS,
                    server_settings={
                        "application_name": "isthmus",
                        "statement_timeout": str(int(_TIMEOUT_SECONDS * 1000)),
                    },
                )
        if self._migration is None or _has_failed(self._migration):
            self._migration = asyncio.create_task(_migrate(self._pool))
        if not self._migration.done():
            await shielded(self._migration)
        return self._pool


async def _migrate(pool: "asyncpg.Pool") -> None:
    async with borrowed(pool) as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", timeout=_MIGRATION_SECONDS)
        await connection.execute(TABLE)
        applied = await connection.fetchval(APPLIED)
        for version, statements in pending(applied):
            for statement in statements:
                await connection.execute(statement, timeout=_MIGRATION_SECONDS)
            await connection.execute(APPLY, version, time.time_ns() // 1000)
            log.info("the PostgreSQL database has version %d now", version)


def _has_failed(migration: asyncio.Task[None]) -> bool:
    return migration.done() and (migration.cancelled() or migration.exception() is not None)


def _changed(status: str) -> int:
    """The number at the end of what PostgreSQL says was done, as in `UPDATE 3`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold no secret: those of other errors quote what they were given."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return str(error) if isinstance(error, OSError | asyncpg.PostgresError) else type(error).__name__
