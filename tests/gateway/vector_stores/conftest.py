"""The records of vector stores over each database, and a backend that keeps what it is told in memory."""

import pytest

from gateway.state.records.contract import Records
from gateway.vector_stores.claims import Claims
from gateway.vector_stores.files import StoreFiles
from gateway.vector_stores.stores import Stores

LEASE = 30.0


@pytest.fixture
def stores(records: Records) -> Stores:
    return Stores(records)


@pytest.fixture
def files(records: Records, stores: Stores) -> StoreFiles:
    return StoreFiles(records, stores)


@pytest.fixture
def claims(records: Records) -> Claims:
    return Claims(records, lambda: LEASE)
