"""What rooms of the gateway that keep records are tested with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.state import Records as Settings
from gateway.state.records.contract import Records
from gateway.state.records.open import open_records


@pytest.fixture(params=["sqlite", "postgres"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    """Each of the two databases."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    opened = open_records(Settings(url=url, folder=str(tmp_path)))
    await opened.start()
    yield opened
    await opened.close()
