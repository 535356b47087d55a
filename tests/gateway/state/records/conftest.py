"""The same records in both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.state import Records as Settings
from gateway.state.records.contract import Records
from gateway.state.records.open import open_records


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Where an empty database is."""
    if request.param == "sqlite":
        return Settings(folder=str(tmp_path / "state"))
    return Settings(url=request.getfixturevalue("postgres_url"))


@pytest.fixture
async def records(place: Settings) -> AsyncIterator[Records]:
    """An empty database."""
    opened = open_records(place)
    yield opened
    await opened.close()
