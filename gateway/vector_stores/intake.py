"""One file on its way into a vector store: its text is read, cut, embedded and written, and none of it twice.

Each step leaves something that lasts, so that whoever takes the file over goes on where its worker was killed: the text
lies among the blobs, chunks are the same whenever the same text is cut, and the record tells how many are written.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol, TypeVar

from adapters.files.contract import BlobMissing
from adapters.vector_io.contract import Chunk
from gateway.files.engine import Files
from gateway.ingest.contract import FileRefused
from gateway.ingest.embedder import Embedded, Embedder
from gateway.ingest.readers import Readers
from gateway.vector_stores.backends import Backends
from gateway.vector_stores.claims import Claimed
from gateway.vector_stores.kept import Attributes
from gateway.vector_stores.removals import text_key
from gateway.vector_stores.stores import Stores

_T = TypeVar("_T")
_READ: Final = 262_144


class Held(Protocol):
    """A file that this worker has in hand."""

    claimed: Claimed

    async def note(self, chunks: int, size: int) -> None:
        """So many chunks, the first ones, are in the backend. Raises Lost where somebody else has the file now."""
        ...


class Lost(Exception):
    """The file was taken away from this worker: it was deleted or cancelled, or another worker has it."""


class Intake:
    """The steps. They raise FileRefused, TryLater, Lost, and what the stores of state raise while they are away."""

    def __init__(self, files: Files, stores: Stores, backends: Backends, readers: Readers, folder: Path) -> None:
        self._files = files
        self._stores = stores
        self._backends = backends
        self._readers = readers
        self._folder = folder
        """Where texts lie while they are worked on."""

    async def take_in(self, held: Held, embedder: Embedder) -> tuple[int, int]:
        """Do all that is left to do for a file that is in progress; give its chunks, and the bytes that they take."""
        with TemporaryDirectory(dir=self._folder, prefix="intake-", ignore_cleanup_errors=True) as folder:
            text, chunks = Path(folder, "text"), Path(folder, "chunks")
            await self._text(held.claimed, text)
            await self._readers.chunk(text, chunks, held.claimed.file.chunking)
            return await self._write(held, embedder, chunks)

    async def _text(self, claimed: Claimed, text: Path) -> None:
        """The file's text, which is kept: whoever asks for the file's content is given it, too."""
        key = text_key(claimed.store.id, claimed.file.id)
        try:
            await _save(self._files.blobs.read(key), text)
        except BlobMissing:
            await self._extract(claimed, text)
            await self._keep(key, text)

    async def _extract(self, claimed: Claimed, text: Path) -> None:
        file = await self._files.get(claimed.asker.owner, claimed.file.file_id)
        source = text.with_name("source")
        await _save(self._files.read(file), source)
        await self._readers.extract(source, file.filename, text)
        source.unlink()

    async def _keep(self, key: str, text: Path) -> None:
        writer = self._files.blobs.write(key)
        try:
            with text.open("rb") as opened:
                while data := await asyncio.to_thread(opened.read, _READ):
                    await writer.write(data)
            await writer.commit()
        finally:
            await writer.abort()

    async def _write(self, held: Held, embedder: Embedder, path: Path) -> tuple[int, int]:
        """Write what is not written yet, in order, while the next chunks are embedded."""
        claimed = held.claimed
        done, size = claimed.chunks, claimed.file.usage_bytes
        store, caller = claimed.store, claimed.asker.caller()
        async with aclosing(embedder.embed(caller, store.model, path, store.dimensions, done)) as batches:
            async for batch in batches:
                await held.note(done, size)  # nothing is written of what was taken away
                await self._put(claimed, batch)
                done += len(batch)
                size += sum(len(each.piece.text.encode()) + len(each.vector) for each in batch)
                await held.note(done, size)
        return done, size

    async def _put(self, claimed: Claimed, batch: list[Embedded]) -> None:
        store, dimensions = claimed.store, len(batch[0].vector) // 4  # bytes of a number
        known = await self._stores.measure(store, dimensions)
        if known != dimensions:
            told = f"The vectors of '{store.model}' have {dimensions} dimensions, and those of the store {known}."
            raise FileRefused("server_error", told)
        attributes, file_id = as_written(claimed.file.attributes), claimed.file.file_id
        chunks = [
            Chunk(chunk_id(file_id, piece.index), file_id, piece.index, piece.text, each.vector, attributes)
            for each in batch
            for piece in (each.piece,)
        ]
        backend = self._backends.find(store.backend)
        await whole(backend.create(store.id, known))
        await whole(backend.write(store.id, chunks))


def chunk_id(file_id: str, index: int) -> str:
    """The same whenever the same file is taken in."""
    return hashlib.blake2b(f"{file_id}:{index}".encode(), digest_size=16).hexdigest()


def as_written(attributes: Attributes) -> Attributes:
    """As backends keep them: a number is a float."""
    return {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in attributes.items()
    }


async def whole(work: Awaitable[_T]) -> _T:
    """Do this to its end even where nobody waits for it any more: a write that was begun is known to be over."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise


async def _save(data: AsyncIterator[bytes], path: Path) -> None:
    with path.open("wb") as opened:
        async for part in data:
            await asyncio.to_thread(opened.write, part)
