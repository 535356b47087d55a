"""Milvus from the event loop: its client blocks, so each call has a thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.milvus.lite import Lite, LiteFault

if TYPE_CHECKING:
    from adapters.vector_io.milvus import Options
    from adapters.vector_io.milvus.collections import Collections

_T = TypeVar("_T")


class Milvus:
    """A server, or a folder with Milvus Lite; it may go away at any time and is used again once it is back."""

    def __init__(self, name: str, options: "Options", folder: Path) -> None:
        self._name = name
        self._options = options
        self._lite = None if options.is_remote else Lite(folder / (options.uri or ""))
        self._threads = ThreadPoolExecutor(options.connections, f"milvus-{name}")
        self._collections: Collections | None = None
        self._starts = 0
        self._connecting = Lock()

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

    async def _run(self, ask: "Callable[[Collections], _T]", **otherwise: _T) -> _T:
        """Ask in a thread; where the store is not there, give what is said for `missing`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, ask, otherwise)

    def _ask(self, ask: "Callable[[Collections], _T]", otherwise: dict[str, _T]) -> _T:
        from grpc import RpcError
        from pymilvus import MilvusException

        from adapters.vector_io.milvus.collections import means_missing, reason

        try:
            return ask(self._connected())
        except MilvusException as error:
            if means_missing(error) and "missing" in otherwise:
                return otherwise["missing"]
            raise BackendUnavailable(f"{self._name}: {reason(error)}") from None
        except (RpcError, LiteFault, OSError, ValueError) as error:
            why = str(error) if isinstance(error, LiteFault) else f"Milvus can't be reached: {type(error).__name__}"
            raise BackendUnavailable(f"{self._name}: {why}") from None

    def _connected(self) -> "Collections":
        from adapters.vector_io.milvus.collections import Collections

        options = self._options
        with self._connecting:
            uri, starts = (self._lite.address(), self._lite.starts) if self._lite else (options.uri or "", 0)
            if self._collections is None or starts != self._starts:  # a connection waits long before it tries again
                place = {"uri": uri, "token": options.token or "", "db_name": options.database or ""}
                self._collections, self._starts = Collections(options.timeout_seconds, **place), starts
            return self._collections

    def _close(self) -> None:
        self._threads.shutdown()
        if self._collections is not None:
            self._collections.close()
        if self._lite is not None:
            self._lite.close()
