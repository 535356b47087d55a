"""A store of files that stops the world where a test says: the folder, with a place at which it never goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from adapters.files.contract import BlobWriter, Found, Store
from adapters.files.local import LocalOptions, LocalStore


class HaltingOptions(LocalOptions, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the folder, and where to stop."""

    halt: str = ""
    """`write`, `commit`, `committed`, `delete`, `join`; nowhere unless said."""
    marker: str = ""
    """A file that is made once it stands still."""


class HaltingStore:
    """A folder of blobs, up to a point."""

    def __init__(self, options: HaltingOptions, state: Path) -> None:
        self._options = options
        self._store = LocalStore(LocalOptions(folder=options.folder), state)

    async def halt(self, place: str) -> None:
        """Stand still here for ever, if this is the place."""
        if self._options.halt == place:
            await asyncio.to_thread(Path(self._options.marker).touch)
            await asyncio.Event().wait()

    async def start(self) -> None:
        await self._store.start()

    async def close(self) -> None:
        await self._store.close()

    def write(self, key: str) -> BlobWriter:
        return _HaltingWriter(self, self._store.write(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return self._store.read(key, start, end)

    async def join(self, key: str, parts: Sequence[str]) -> None:
        await self._store.join(key, parts)
        await self.halt("join")

    async def delete(self, key: str) -> None:
        await self.halt("delete")
        await self._store.delete(key)

    def list(self, prefix: str = "") -> AsyncIterator[Found]:
        return self._store.list(prefix)

    async def sweep(self, older_than: float) -> int:
        return await self._store.sweep(older_than)


class _HaltingWriter:
    def __init__(self, store: HaltingStore, writer: BlobWriter) -> None:
        self._store = store
        self._writer = writer
        self._size = 0

    async def write(self, data: bytes) -> None:
        await self._writer.write(data)
        self._size += len(data)
        if self._size > 1_000_000:
            await self._store.halt("write")

    async def commit(self) -> None:
        await self._store.halt("commit")
        await self._writer.commit()
        await self._store.halt("committed")

    async def abort(self) -> None:
        await self._writer.abort()


STORE = Store("halting", HaltingOptions, HaltingStore)
