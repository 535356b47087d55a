"""Files over each database, in a folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.files.local import LocalOptions, LocalStore
from gateway.files.engine import Files
from gateway.files.sweep import Sweep
from gateway.files.uploads import Uploads
from gateway.observe.counters import Counters
from gateway.state.records.contract import Records


@pytest.fixture
async def files(records: Records, tmp_path: Path) -> AsyncIterator[Files]:
    store = LocalStore(LocalOptions(), tmp_path)
    await store.start()
    yield Files(records, store)
    await store.close()


@pytest.fixture
def uploads(files: Files, records: Records) -> Uploads:
    return Uploads(files, records)


@pytest.fixture
def sweep(files: Files, uploads: Uploads) -> Sweep:
    return Sweep(files, uploads, Counters())
