"""Weaviate from the event loop: its client blocks, so each call has a thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter

if TYPE_CHECKING:
    from adapters.vector_io.weaviate import Options
    from adapters.vector_io.weaviate.collections import Collections

_T = TypeVar("_T")

_GRPC_PORT = 50_051


class Weaviate:
    """A server, which may go away at any time and is used again once it is back."""

    def __init__(self, name: str, options: "Options") -> None:
        self._name = name
        self._options = options
        self._threads = ThreadPoolExecutor(options.connections, f"weaviate-{name}")
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
        await self._run(lambda collections: collections.drop(store))

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in."""
        await self._of(store, lambda collections: collections.write(store, chunks))

    async def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        await self._of(store, lambda collections: collections.remove(store, file_id), missing=None)

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file's chunks these attributes."""
        await self._of(store, lambda collections: collections.describe(store, file_id, attributes), missing=None)

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there."""
        return await self._of(store, lambda collections: collections.count(store, file_id), missing=0)

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest to a vector."""
        return await self._of(store, lambda collections: collections.nearest(store, vector, limit, filter), missing=[])

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with a text."""
        return await self._of(store, lambda collections: collections.matching(store, text, limit, filter), missing=[])

    async def _of(self, store: str, ask: "Callable[[Collections], _T]", **otherwise: _T) -> _T:
        """Ask of a store; where what failed is that it is not there, give what is said for `missing`."""
        try:
            return await self._run(ask)
        except BackendUnavailable:
            if "missing" in otherwise and not await self._run(lambda collections: collections.is_there(store)):
                return otherwise["missing"]
            raise

    async def _run(self, ask: "Callable[[Collections], _T]") -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, ask)

    def _ask(self, ask: "Callable[[Collections], _T]") -> _T:
        try:
            with self._connecting:
                if self._collections is None:
                    self._collections = self._connected()
            return ask(self._collections)
        except Exception as error:  # noqa: BLE001 - its client lets those of its own parts through
            raise BackendUnavailable(f"{self._name}: Weaviate fails: {type(error).__name__}") from None

    def _connected(self) -> "Collections":
        import weaviate
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout

        from adapters.vector_io.weaviate.collections import Collections

        options = self._options
        place = urlsplit(options.url)
        secure = place.scheme == "https"
        host, grpc = place.hostname or "localhost", urlsplit(f"//{options.grpc or ''}")
        seconds = options.timeout_seconds
        client = weaviate.connect_to_custom(
            http_host=host,
            http_port=place.port or (443 if secure else 80),
            http_secure=secure,
            grpc_host=grpc.hostname or host,
            grpc_port=grpc.port or (443 if secure else _GRPC_PORT),
            grpc_secure=secure,
            auth_credentials=Auth.api_key(options.api_key) if options.api_key else None,
            additional_config=AdditionalConfig(timeout=Timeout(init=seconds, query=seconds, insert=seconds)),
            skip_init_checks=True,  # one of them asks a registry of packages for newer versions
        )
        return Collections(client)

    def _close(self) -> None:
        self._threads.shutdown()
        if self._collections is not None:
            self._collections.close()
