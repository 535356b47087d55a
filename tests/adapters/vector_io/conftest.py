"""A backend of each kind, and stores in it."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.vector_io.contract import VectorBackend
from tests.adapters.vector_io.openers import Opener, Place, openers
from tests.adapters.vector_io.samples import DIMENSIONS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the suite on each of them."""
    if "opener" in metafunc.fixturenames:
        is_of_faults = metafunc.module.__name__.endswith("test_faults")
        chosen = [opener for opener in openers() if is_of_faults or not opener.twin]
        metafunc.parametrize("opener", chosen, ids=[opener.name for opener in chosen], scope="module")


@pytest.fixture(scope="module")
def place(opener: Opener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with opener.place(tmp_path_factory.mktemp("vectors")) as place:
        yield place


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(place: Place) -> AsyncIterator[VectorBackend]:
    backend = place.open()
    await backend.start()
    yield backend
    await backend.close()


@pytest.fixture
def own_place(opener: Opener, tmp_path: Path) -> Iterator[Place]:
    """One that no other test's backend has open."""
    with opener.place(tmp_path) as place:
        yield place


@pytest.fixture
def name() -> str:
    """A store's name that is new."""
    return f"vs_{secrets.token_hex(8)}"


@pytest_asyncio.fixture(loop_scope="module")
async def store(backend: VectorBackend, name: str) -> AsyncIterator[str]:
    await backend.create(name, DIMENSIONS)
    yield name
    await backend.drop(name)
