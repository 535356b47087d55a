"""The store that is a folder: each blob a plain file, written beside its place, made durable, then put there.

Several processes and machines may share the folder. A file that is being written is locked (flock(2)), so that a sweep
tells the leavings of a process that died from the work of one that lives.
"""

import asyncio
import errno
import fcntl
import os
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from adapters.files.contract import BlobMissing, Found, Store, StoreUnavailable
from adapters.files.threads import to_its_end
from adapters.folders import see_usable

_T = TypeVar("_T")

_THREADS = 4
_PIECE = 524_288
"""Bytes that go to and from the disk at once."""
_BUFFERS_MOST = 512
"""Buffers of one write; Linux takes 1,024 (IOV_MAX)."""
_BEGUN_AT_ONCE = 8_388_608
"""Bytes that the disk begins to write while more arrive; Linux would leave most of them to the fsync at the end.
POSIX_FADV_DONTNEED has it begin: https://github.com/torvalds/linux/blob/master/mm/fadvise.c"""
_BLOBS = "blobs"
_WRITING = "writing"
_LISTED_AT_ONCE = 1_000


class LocalOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`files.options` of this store."""

    folder: str | None = None
    """Where the files are; `files` in the folder of state unless said. Replicas may share it."""


class LocalStore:
    """A folder of blobs."""

    def __init__(self, options: LocalOptions, state: Path) -> None:
        self.folder = _place(options, state)
        self._threads = ThreadPoolExecutor(_THREADS, "isthmus-files")

    async def start(self) -> None:
        """Make the folders. Raises StoreUnavailable."""
        await self.run(self._make_folders)

    async def close(self) -> None:
        """End the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    def write(self, key: str) -> "LocalWriter":
        """Begin a blob."""
        return LocalWriter(self, self.place(key), self.folder / _WRITING / secrets.token_hex(16))

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `end`. Raises BlobMissing and StoreUnavailable."""
        reading = _Reading(self.place(key))
        try:
            await self.run(reading.open)
            while end is None or start < end:
                size = _PIECE if end is None else min(_PIECE, end - start)
                piece = await self.run(reading.read, size, start)
                if not piece:
                    return
                start += len(piece)
                yield piece
        finally:
            reading.close()

    async def join(self, key: str, parts: Sequence[str]) -> None:
        """Make a blob of others. Raises BlobMissing and StoreUnavailable."""
        writer = self.write(key)
        try:
            for part in parts:
                async for piece in self.read(part):
                    await writer.write(piece)
            await writer.commit()
        finally:
            await writer.abort()

    async def delete(self, key: str) -> None:
        """Remove it. Raises StoreUnavailable."""
        await self.run(lambda: self.place(key).unlink(missing_ok=True))

    async def list(self, prefix: str = "") -> AsyncIterator[Found]:
        """Every blob whose key begins so. Raises StoreUnavailable."""
        blobs = self._blobs(prefix)

        while found := await self.run(lambda: [*islice(blobs, _LISTED_AT_ONCE)]):
            for blob in found:
                yield blob

    async def sweep(self, older_than: float) -> int:
        """Remove what writers that died have left."""
        return await self.run(lambda: sum(_remove_if_left(path, older_than) for path in self._unfinished()))

    def place(self, key: str) -> Path:
        """The file of a blob."""
        return self.folder / _BLOBS / key

    async def run(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Do something with the disk in a thread, to its end even if nobody waits for it any more."""
        try:
            return await to_its_end(self._threads, work, *arguments)
        except OSError as error:
            raise StoreUnavailable(f"{self.folder}: {error.strerror}") from None

    def _make_folders(self) -> None:
        for folder in (self.folder, self.folder / _BLOBS, self.folder / _WRITING):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _unfinished(self) -> Iterator[Path]:
        with os.scandir(self.folder / _WRITING) as entries:
            for entry in entries:
                yield Path(entry.path)

    def _blobs(self, prefix: str) -> Iterator[Found]:
        root = self.folder / _BLOBS
        for folder, _, names in os.walk(root, onerror=_raise):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(root).as_posix()
                if key.startswith(prefix):
                    with suppress(FileNotFoundError):  # it has just been removed
                        stat = path.stat()
                        yield Found(key, stat.st_size, stat.st_mtime)


class LocalWriter:
    """A blob that is being written: while one piece goes to the disk, the next one is gathered."""

    def __init__(self, store: LocalStore, place: Path, temporary: Path) -> None:
        self._store = store
        self._place = place
        self._temporary = temporary
        self._file = -1
        self._end = 0
        """Bytes in the file."""
        self._begun = 0
        """Bytes of them that the disk was told to begin with."""
        self._held: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StoreUnavailable."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PIECE or len(self._held) >= _BUFFERS_MOST:
            await self._written()
            held, self._held, self._size = self._held, [], 0
            self._writing = asyncio.ensure_future(self._store.run(self._put, held))

    async def commit(self) -> None:
        """Make it durable and visible. Raises StoreUnavailable."""
        await self._written()
        held, self._held = self._held, []
        self._writing = asyncio.ensure_future(self._store.run(self._finish, held))
        await self._written()

    async def abort(self) -> None:
        """Forget it."""
        self._held = []
        with suppress(StoreUnavailable):
            if self._writing is not None:
                await asyncio.wait({self._writing})
                self._writing.exception()
            await self._store.run(self._discard)

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _put(self, held: list[bytes]) -> None:
        if self._file < 0:
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        _write_all(self._file, held)
        self._end += sum(map(len, held))
        if sys.platform == "linux" and self._end - self._begun >= _BEGUN_AT_ONCE:
            os.posix_fadvise(self._file, self._begun, self._end - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = self._end

    def _finish(self, held: list[bytes]) -> None:
        self._put(held)
        os.fsync(self._file)
        _make_folder(self._place.parent)
        os.rename(self._temporary, self._place)
        _sync_folder(self._place.parent)
        self._close()

    def _discard(self) -> None:
        if self._file >= 0:
            self._close()
            self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, -1
        os.close(file)


class _Reading:
    """A file that is being read in threads. Closed while one of them is at it, it is closed when that is done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._lock = threading.Lock()
        self._is_busy = False
        self._is_closed = False

    def open(self) -> None:
        """Open it. Raises BlobMissing."""
        with self._busy():
            if not self._is_closed:
                self._file = _open(self._path)

    def read(self, size: int, start: int) -> bytes:
        """Some of its bytes; none once nobody wants them."""
        with self._busy():
            return b"" if self._is_closed else os.pread(self._file, size, start)

    def close(self) -> None:
        """Nobody wants any more of it."""
        with self._lock:
            self._is_closed = True
            self._close_if_idle()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        with self._lock:
            self._is_busy = True
        try:
            yield
        finally:
            with self._lock:
                self._is_busy = False
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._is_closed and not self._is_busy and self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def _write_all(file: int, pieces: list[bytes]) -> None:
    """Write all of it: the disk may take less than it was given."""
    left: list[memoryview] = [memoryview(piece) for piece in pieces if piece]
    while left:
        written = os.writev(file, left)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _make_folder(folder: Path) -> None:
    """Make a folder that lasts."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BlobMissing(path.name) from None


def _raise(error: OSError) -> None:
    raise error


def _remove_if_left(path: Path, older_than: float) -> int:
    """Remove a file that nobody is writing; give how many were removed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_mtime >= older_than:
            return 0
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return 0
    finally:
        os.close(descriptor)
    return 1


def _place(options: LocalOptions, state: Path) -> Path:
    return Path(options.folder) if options.folder is not None else state / "files"


async def _look(options: LocalOptions, state: Path) -> None:
    try:
        see_usable(_place(options, state))
    except OSError as error:
        raise StoreUnavailable(f"{error.filename}: {error.strerror}") from None


STORE = Store("local", LocalOptions, LocalStore, look=_look)
