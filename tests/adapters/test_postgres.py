"""A connection that was borrowed goes back, also where nobody waits for that any more."""

import asyncio
import gc
import os
import signal
from typing import Any

import asyncpg
import pytest

from adapters.postgres import borrowed
from tests.services.postgres import PostgresServer


async def test_a_session_that_dies_while_a_connection_is_given_back_disturbs_nobody(
    own_postgres: PostgresServer,
) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    pool = await asyncpg.create_pool(own_postgres.url(), min_size=0, max_size=1)
    sessions = []

    async def use() -> None:
        async with asyncio.timeout(1), borrowed(pool) as connection:
            sessions.append(connection.get_server_pid())
            os.kill(sessions[0], signal.SIGSTOP)

    with pytest.raises(TimeoutError):
        await use()
    os.kill(sessions[0], signal.SIGKILL)
    await asyncio.sleep(0.5)
    gc.collect()
    assert faults == []
    pool.terminate()
