"""Chroma from the event loop: its clients block, so each call has a thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter

if TYPE_CHECKING:
    from adapters.vector_io.chroma.collections import Collections

_T = TypeVar("_T")
Connect: TypeAlias = "Callable[[], Collections]"

_SHOWN = 200


class Chroma:
    """A folder or a server, which may go away at any time and is used again once it is back."""

    def __init__(self, name: str, connect: Connect, threads: int) -> None:
        self._name = name
        self._connect = connect
        self._threads = ThreadPoolExecutor(threads, f"chroma-{name}")
        self._collections: Collections | None = None
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
        from chromadb.errors import ChromaError, NotFoundError

        try:
            with self._connecting:
                if self._collections is None:
                    self._collections = self._connect()
            return ask(self._collections)
        except NotFoundError:
            if "missing" in otherwise:
                return otherwise["missing"]
            raise BackendUnavailable(f"{self._name}: Chroma has no such store") from None
        except ChromaError as error:
            raise BackendUnavailable(f"{self._name}: Chroma answers: {str(error)[:_SHOWN]}") from None
        except Exception as error:  # noqa: BLE001 - its client lets those of its own parts through
            raise BackendUnavailable(f"{self._name}: Chroma can't be reached: {type(error).__name__}") from None

    def _close(self) -> None:
        self._threads.shutdown()
        if self._collections is not None:
            self._collections.close()


def embedded(folder: Path) -> Connect:
    """How a folder is opened."""

    def connect() -> "Collections":
        import chromadb
        from chromadb.config import Settings

        from adapters.vector_io.chroma.collections import Collections

        folder.mkdir(parents=True, exist_ok=True)
        return Collections(chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False)))

    return connect


def served(url: str, token: str | None, tenant: str, database: str, timeout: float) -> Connect:
    """How a server is reached."""

    def connect() -> "Collections":
        import chromadb
        from chromadb.config import Settings

        from adapters.vector_io.chroma.collections import Collections

        place = urlsplit(url)
        secure = place.scheme == "https"
        client: Any = chromadb.HttpClient(
            host=place.hostname or "localhost",
            port=place.port or (443 if secure else 80),
            ssl=secure,
            headers={"authorization": f"Bearer {token}"} if token else {},
            settings=Settings(anonymized_telemetry=False),
            tenant=tenant,
            database=database,
        )
        client._server._session.timeout = timeout  # it waits for ever, and its settings don't say otherwise
        return Collections(client)

    return connect
