"""A database whose client blocks, from the event loop: each call has a thread."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter

_T = TypeVar("_T")


class Collections(Protocol):
    """What a connection is asked: the verbs of `contract.py`, which block."""

    def create(self, store: str, dimensions: int) -> None: ...
    def drop(self, store: str) -> None: ...
    def write(self, store: str, chunks: Sequence[Chunk]) -> None: ...
    def remove(self, store: str, file_id: str) -> None: ...
    def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None: ...
    def count(self, store: str, file_id: str | None) -> int: ...
    def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None) -> list[Hit]: ...
    def matching(self, store: str, text: str, limit: int, filter: Filter | None) -> list[Hit]: ...


class Client(Protocol):
    """Who connects, and says what went wrong. Called in threads, several at once."""

    def ask(self, work: Callable[[Collections], _T], otherwise: Mapping[str, _T]) -> _T:
        """Do something with a connection; give `otherwise["missing"]`, if there is one, where the store is not there.

        Raises BackendUnavailable.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Threaded:
    """The backend over such a client."""

    def __init__(self, client: Client, threads: int, name: str) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(threads, name)

    async def start(self) -> None:
        """Reach it."""
        await self._run(lambda _: None)

    async def close(self) -> None:
        """Finish what was begun and let go of it."""
        await asyncio.to_thread(self._close)

    async def create(self, store: str, dimensions: int) -> None:
        """Make a collection."""
        await self._run(lambda collections: collections.create(store, dimensions))

    async def drop(self, store: str) -> None:
        """Remove a collection."""
        await self._run(lambda collections: collections.drop(store), missing=None)

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in."""
        await self._run(lambda collections: collections.write(store, chunks))

    async def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        await self._run(lambda collections: collections.remove(store, file_id), missing=None)

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file's chunks these attributes."""
        await self._run(lambda collections: collections.describe(store, file_id, attributes), missing=None)

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        return await self._run(lambda collections: collections.count(store, file_id), missing=0)

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest to a vector."""
        return await self._run(lambda collections: collections.nearest(store, vector, limit, filter), missing=[])

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with a text."""
        return await self._run(lambda collections: collections.matching(store, text, limit, filter), missing=[])

    async def _run(self, ask: Callable[[Collections], _T], **otherwise: _T) -> _T:
        """Ask in a thread; where the store is not there, give what is said for `missing`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._client.ask, ask, otherwise)

    def _close(self) -> None:
        self._threads.shutdown()
        self._client.close()
