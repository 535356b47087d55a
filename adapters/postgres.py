"""Connections of asyncpg's pools, as whoever speaks to a PostgreSQL database borrows them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Raised on a connection that is closed already, or that the server has just taken leave of."""


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
        await pool.release(connection)
