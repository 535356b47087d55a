"""The vector databases of a configuration, each opened once, and how they are."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit, VectorBackend
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.registry import open_backend
from config.vector_stores import VectorStores, backends_of
from gateway.observe.counters import Counters
from gateway.observe.health import Condition

log = logging.getLogger("isthmus.vector_stores")

_T = TypeVar("_T")
_NO_STORE = "vs_nobody"


class Watched:
    """A backend that is reached when it is first needed, and of which is known how it is."""

    def __init__(self, name: str, backend: VectorBackend, counters: Counters) -> None:
        self.name = name
        self.fault: str | None = None
        """Why it did not do what was asked last; None where it did."""
        self._backend = backend
        self._counters = counters
        self._starting = asyncio.Lock()
        self._is_started = False

    async def start(self) -> None:
        """Reach it. Raises BackendUnavailable, as everything else does; the next thing asked of it tries again."""
        await self._ask(lambda backend: _nothing())

    async def close(self) -> None:
        """Let go of it."""
        if self._is_started:
            await self._backend.close()

    async def create(self, store: str, dimensions: int) -> None:
        """Make room for a store."""
        await self._ask(lambda backend: backend.create(store, dimensions))

    async def drop(self, store: str) -> None:
        """Remove a store."""
        await self._ask(lambda backend: backend.drop(store))

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in."""
        await self._ask(lambda backend: backend.write(store, chunks))

    async def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        await self._ask(lambda backend: backend.remove(store, file_id))

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file's chunks these attributes."""
        await self._ask(lambda backend: backend.describe(store, file_id, attributes))

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        return await self._ask(lambda backend: backend.count(store, file_id))

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest in meaning."""
        return await self._ask(lambda backend: backend.nearest(store, vector, limit, filter))

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with a text."""
        return await self._ask(lambda backend: backend.matching(store, text, limit, filter))

    async def _ask(self, work: Callable[[VectorBackend], Awaitable[_T]]) -> _T:
        try:
            if not self._is_started:
                await self._start()
            outcome = await work(self._backend)
        except BackendUnavailable as error:
            self._counters.add("vector_backend_faults", self.name)
            if self.fault is None:
                log.warning("the vector backend %s: %s", self.name, error)
            self.fault = str(error)
            raise
        self.fault = None
        return outcome

    async def _start(self) -> None:
        async with self._starting:
            if not self._is_started:
                await self._backend.start()
                self._is_started = True


class Backends:
    """All of them by name."""

    def __init__(self, settings: VectorStores, folder: Path, counters: Counters) -> None:
        """Open those of a configuration; each has a folder of its own. Raises UnusableBackend and ImportError."""
        self.all = {
            name: Watched(name, open_backend(name, backend, folder / name), counters)
            for name, backend in backends_of(settings).items()
        }

    def find(self, name: str) -> Watched:
        """One by its name. Raises BackendUnavailable where the configuration has it no longer."""
        try:
            return self.all[name]
        except KeyError:
            raise BackendUnavailable(f"vector_stores.backends names no {name} any more.") from None

    async def start(self) -> None:
        """Reach each; one that does not answer is asked again whenever it is needed."""
        await asyncio.gather(*(backend.start() for backend in self.all.values()), return_exceptions=True)

    async def look(self) -> None:
        """Ask those that did not answer whether they do now, so that it is known while nobody needs them."""
        for backend in self.all.values():
            if backend.fault is not None:
                with suppress(BackendUnavailable):
                    await backend.count(_NO_STORE)

    async def close(self) -> None:
        """Let go of each."""
        await asyncio.gather(*(backend.close() for backend in self.all.values()))

    def conditions(self) -> Iterable[Condition]:
        """Those that did not do what was asked last."""
        return [
            (f"vector_stores.backends.{name}", backend.fault)
            for name, backend in self.all.items()
            if backend.fault is not None
        ]


async def _nothing() -> None:
    """Ask no more of a backend than to be there."""
