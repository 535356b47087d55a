"""PostgreSQL down, paused and back again; a driver that is missing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from config.state import Records as Settings
from gateway.state.records import postgres
from gateway.state.records.contract import RecordsUnavailable, RecordsUnusable
from gateway.state.records.open import open_records
from gateway.state.records.postgres import PostgresRecords
from tests.services.postgres import PASSWORD, PostgresServer

CHANGE = "UPDATE key_changes SET number = number + 1"


@contextmanager
def impatient() -> Iterator[None]:
    """Nobody waits long."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(postgres, "_TIMEOUT_SECONDS", 0.5)
        changed.setattr(postgres, "_CONNECT_SECONDS", 0.5)
        yield


async def test_a_database_that_is_down_at_first_is_used_once_it_is_there(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    records = PostgresRecords(own_postgres.url())
    with pytest.raises(RecordsUnavailable):
        await records.start()
    assert records.fault is not None
    await asyncio.to_thread(own_postgres.start)
    assert await records.execute(CHANGE) == 1
    assert records.fault is None
    await records.close()


async def test_every_connection_is_made_anew_after_a_restart(own_postgres: PostgresServer) -> None:
    records = PostgresRecords(own_postgres.url())
    await asyncio.gather(*(records.fetch("SELECT 1") for _ in range(8)))
    await asyncio.to_thread(own_postgres.stop, crash=True)
    with pytest.raises(RecordsUnavailable):
        await records.execute(CHANGE)
    await asyncio.to_thread(own_postgres.start)
    for _ in range(8):
        await records.execute(CHANGE)
    await records.close()


async def test_a_connection_that_the_server_took_leave_of_is_thrown_away(own_postgres: PostgresServer) -> None:
    async with _leave_takes_long(own_postgres.port) as (port, left):
        records = PostgresRecords(own_postgres.url().replace(str(own_postgres.port), str(port)))
        await records.start()
        own_postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isthmus'")
        await left.wait()
        await asyncio.sleep(0.1)  # what it said is read
        with pytest.raises(RecordsUnavailable):
            await records.execute(CHANGE)
        assert await records.execute(CHANGE) == 1
        await records.close()


async def test_one_that_is_paused_is_not_waited_for(own_postgres: PostgresServer) -> None:
    records = PostgresRecords(own_postgres.url())
    await records.start()
    own_postgres.pause()
    with impatient():
        async with asyncio.timeout(5):
            for _ in range(3):
                with pytest.raises(RecordsUnavailable, match="does not answer in time"):
                    await records.execute(CHANGE)
    own_postgres.resume()
    assert await records.execute(CHANGE) == 1
    await records.close()


async def test_closing_does_not_wait_for_one_that_is_paused(own_postgres: PostgresServer) -> None:
    records = PostgresRecords(own_postgres.url())
    await records.start()
    own_postgres.pause()
    with impatient():
        async with asyncio.timeout(5):
            await records.close()


async def test_whoever_leaves_takes_no_connection_along(postgres_url: str) -> None:
    records = PostgresRecords(postgres_url)
    await records.start()
    for _ in range(12):
        waiting = asyncio.create_task(records.fetch("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await records.execute(CHANGE) == 1
    await records.close()


async def test_it_is_reached_by_a_socket_too(shared_postgres: PostgresServer) -> None:
    records = PostgresRecords(shared_postgres.url(by_socket=True))
    assert [tuple(row) for row in await records.fetch("SELECT 1")] == [(1,)]
    await records.close()


async def test_a_wrong_password_is_said_without_it(shared_postgres: PostgresServer) -> None:
    records = PostgresRecords(shared_postgres.url().replace(PASSWORD, "wrong-password-77"))
    with pytest.raises(RecordsUnavailable, match="authentication failed") as caught:
        await records.start()
    assert "wrong-password-77" not in f"{caught.value} {records.fault}"
    await records.close()


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delitem(sys.modules, "gateway.state.records.postgres")
    with pytest.raises(RecordsUnusable, match=r"isthmus\[postgres\]"):
        open_records(Settings(url="postgresql://localhost/isthmus"))


@asynccontextmanager
async def _leave_takes_long(server: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A way to a server on which its last words come at once, and the end of the connection does not."""
    left = asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)

    async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", server)
        asking = asyncio.create_task(pass_on(reader, to_server))
        await pass_on(from_server, writer)
        left.set()
        await asking
        writer.close()

    async with await asyncio.start_server(both_ways, "127.0.0.1", 0) as way:
        yield way.sockets[0].getsockname()[1], left
