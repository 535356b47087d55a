"""A look at the database."""

from pathlib import Path

import asyncpg
import pytest

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.pgvector import BACKEND, Options
from tests.adapters.vector_io.openers.pgvector import server


async def look(url: str) -> None:
    assert BACKEND.look is not None
    await BACKEND.look("main", Options(url=url), Path())


async def test_nothing_is_made_in_an_empty_database() -> None:
    url = server().new_database()
    await look(url)
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 0
    finally:
        await connection.close()


async def test_a_server_without_pgvector_is_not_well(postgres_url: str) -> None:
    with pytest.raises(BackendUnavailable, match="main: pgvector is not installed"):
        await look(postgres_url)
