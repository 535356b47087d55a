"""A desk at which files are read."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.ingest.desk import Desk


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One for all tests of a module, as it is for all files of a gateway."""
    desk = Desk(tmp_path_factory.mktemp("desk"), seconds=60, memory_bytes=300_000_000, text_bytes=5_000_000)
    yield desk
    await desk.close()
