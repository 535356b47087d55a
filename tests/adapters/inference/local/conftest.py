"""Real models in real processes, shared by the tests that only ask them something."""

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import pytest_asyncio

from adapters.inference.local import ADAPTER, process
from adapters.inference.local.engine import LocalEngine
from adapters.inference.local.options import LocalOptions
from adapters.inference.local.weights import PACKAGED
from tests.adapters.inference.local.asking import Model


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs models where they are not installed."""
    needed = {name for package in PACKAGED.values() for name in (package.module, *package.needs)}
    missing = sorted(name for name in needed if find_spec(name) is None)
    if missing:
        skip = pytest.mark.skip(reason=f"local models are not installed: {', '.join(missing)}")
        for item in items:
            if "run_dir" in getattr(item, "fixturenames", ()):
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def measured() -> Iterator[None]:
    """Where coverage is measured, what runs in the models' processes counts: its settings are in these variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_PASSED_ON_PREFIXES", (*process._PASSED_ON_PREFIXES, "COVERAGE_"))
        yield


@pytest.fixture(scope="session")
def run_dir() -> Iterator[Path]:
    """A folder with a short path: sockets live in it."""
    with TemporaryDirectory(prefix="isthmus-") as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(run_dir: Path) -> AsyncIterator[LocalEngine]:
    """Both packaged models; the chat model has two turns and a queue of two."""
    chat = {"parallel": 2, "queue": 2, "context": 1_024}
    engine = LocalEngine("shared", msgspec.convert({"models": {"smollm2": chat, "minilm": {}}}, LocalOptions), run_dir)
    yield engine
    await engine.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chat(engine: LocalEngine) -> AsyncIterator[Model]:
    """The chat model, asked as the gateway asks it."""
    async with Model(ADAPTER, "smollm2", await engine.ready("smollm2")) as model:
        yield model


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedder(engine: LocalEngine) -> AsyncIterator[Model]:
    """The embedding model, asked as the gateway asks it."""
    async with Model(ADAPTER, "minilm", await engine.ready("minilm")) as model:
        yield model
