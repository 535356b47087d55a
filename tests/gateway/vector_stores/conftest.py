"""The records of vector stores over each database, and a backend that keeps what it is told in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.state import Records as Settings
from gateway.state.records.contract import Records
from gateway.state.records.open import open_records
from gateway.vector_stores.claims import Claims
from gateway.vector_stores.files import StoreFiles
from gateway.vector_stores.stores import Stores

LEASE = 30.0


@pytest.fixture(params=["sqlite", "postgres"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    opened = open_records(Settings(url=url, folder=str(tmp_path)))
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def stores(records: Records) -> Stores:
    return Stores(records)


@pytest.fixture
def files(records: Records, stores: Stores) -> StoreFiles:
    return StoreFiles(records, stores)


@pytest.fixture
def claims(records: Records) -> Claims:
    return Claims(records, lambda: LEASE)
