"""Connections to PostgreSQL: those of a pool, as whoever speaks to a database borrows them, and one to look at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from adapters.shielded import shielded

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Raised on a connection that is closed already, or that the server has just taken leave of."""

_LOOK_SECONDS = 5.0


class Unreachable(Exception):
    """A database can't be looked at; the words hold no secret."""


@asynccontextmanager
async def borrowed(pool: "asyncpg.Pool") -> AsyncIterator["PoolConnectionProxy"]:
    """A connection of the pool; one that is broken or has an answer to come is thrown away, not asked to tidy up."""
    connection = await pool.acquire()
    try:
        yield connection
    except (TimeoutError, asyncio.CancelledError, *BROKEN):
        connection.terminate()
        raise
    finally:
        await shielded(asyncio.create_task(pool.release(connection)))


@asynccontextmanager
async def look_into(url: str) -> AsyncIterator["asyncpg.Connection"]:
    """A session of its own that can't write. Raises Unreachable."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=_LOOK_SECONDS,
            command_timeout=_LOOK_SECONDS,
            server_settings={"application_name": "isthmus check", "default_transaction_read_only": "on"},
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=_LOOK_SECONDS)
    except TimeoutError:
        raise Unreachable("it does not answer in time") from None
    except OSError as error:
        raise Unreachable(f"it can't be reached: {error.strerror or type(error).__name__}") from None
    except asyncpg.PostgresError as error:
        raise Unreachable(str(error)) from None
    except (*BROKEN, ValueError) as error:
        raise Unreachable(type(error).__name__) from None
