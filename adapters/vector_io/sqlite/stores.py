"""The files of the stores: made, opened, written and dropped by several processes at once, never on the event loop.

A store that another process dropped and made again is another file under the same name: a connection is used only while
its file is the one of that name.
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar
from uuid import uuid4

import apsw

from adapters.vector_io.contract import BackendUnavailable

_T = TypeVar("_T")
Work: TypeAlias = Callable[[apsw.Connection], _T]
Read: TypeAlias = Callable[[apsw.Connection, Path], _T]
"""Something done with the file of a store, whose path comes with it."""
_Identity: TypeAlias = tuple[int, int]

_BUSY_SECONDS = 10.0
"""How long a write waits for those of other processes."""
_READERS = 4
_LOOK_AFTER = 10_000
"""Steps of SQLite's machine, some tenths of a millisecond, after which is looked whether anybody waits."""
_IDLE = 64
"""Connections that are kept open while nobody uses them; each has a file or three open."""
_PRAGMAS = (
    "PRAGMA synchronous = FULL",  # what was written stays after a power cut
    "PRAGMA mmap_size = 1099511627776",
)


class NoStore(Exception):
    """There is no such store."""


class Stores:
    """A folder of stores. One thread writes, others read."""

    def __init__(self, name: str, folder: Path, prepare: Callable[[apsw.Connection], None]) -> None:
        self._name = name
        self._folder = folder
        self._prepare = prepare
        self._writer = ThreadPoolExecutor(1, f"isthmus-{name}-writer")
        self._readers = ThreadPoolExecutor(_READERS, f"isthmus-{name}-reader")
        self._idle = _Idle()

    async def start(self) -> None:
        """Make the folder. Raises BackendUnavailable."""
        await self._run(self._writer, lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))

    async def close(self, at_last: Callable[[], None]) -> None:
        """Finish what was begun, then `at_last`, and close every file."""
        await asyncio.to_thread(self._close, at_last)

    async def create(self, store: str, make: Work[None]) -> None:
        """Make a store, unless it is there."""
        await self._run(self._writer, lambda: self._create(self._path(store), make))

    async def drop(self, store: str, also: Callable[[Path], None]) -> None:
        """Remove a store; whoever reads or writes it goes on with a file that has no name."""
        await self._run(self._writer, lambda: self._drop(self._path(store), also))

    async def write(self, store: str, work: Work[None], then: Read[None] | None = None) -> None:
        """Do something in one durable transaction, and `then` something after it. Raises NoStore."""

        def both(connection: apsw.Connection, path: Path) -> None:
            _whole(work, connection)
            if then is not None:
                then(connection, path)

        await self._run(self._writer, lambda: self._use(store, both))

    async def read(self, store: str, work: Read[_T]) -> _T:
        """Do something that sees the store as it is at one moment. Raises NoStore.

        It is interrupted where nobody waits for it any more.
        """
        reading = _Reading(work)
        try:
            return await self._run(self._readers, lambda: self._use(store, reading))
        except asyncio.CancelledError:
            reading.stop()
            raise

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except (apsw.Error, OSError) as error:
            raise BackendUnavailable(f"The vector backend {self._name} fails: {_told(error)}.") from None

    def _use(self, store: str, work: Read[_T]) -> _T:
        path = self._path(store)
        identity, connection = self._take(path)
        try:
            return work(connection, path)
        finally:
            self._idle.give(path, identity, connection)

    def _take(self, path: Path) -> tuple[_Identity, apsw.Connection]:
        while True:
            identity = _identity(path)
            if identity is None:
                raise NoStore(path.stem)
            connection = self._idle.take(path, identity) or self._open(path)
            if _identity(path) == identity:
                return identity, connection
            connection.close()  # it was dropped just now

    def _open(self, path: Path) -> apsw.Connection:
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.CantOpenError:
            if path.exists():
                raise
            raise NoStore(path.stem) from None  # it was dropped just now
        connection.set_busy_timeout(int(_BUSY_SECONDS * 1000))
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        self._prepare(connection)
        return connection

    def _create(self, path: Path, make: Work[None]) -> None:
        """Make it under another name first: nobody ever opens half a store."""
        if path.exists():
            return
        new = path.with_name(f"{uuid4().hex}.new")
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            connection = self._open(new)
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            _whole(make, connection)
            connection.close()
            with suppress(FileExistsError):  # another process made it meanwhile
                os.link(new, path)
        finally:
            _unlink(new)
        self._sync_folder()

    def _drop(self, path: Path, also: Callable[[Path], None]) -> None:
        self._idle.forget(path)
        _unlink(path)
        self._sync_folder()
        also(path)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, store: str) -> Path:
        return self._folder / f"{store}.db"

    def _close(self, at_last: Callable[[], None]) -> None:
        for threads in (self._readers, self._writer):
            threads.shutdown()
        at_last()
        self._idle.close()


class _Reading(Generic[_T]):
    """Something that is read, and how to stop it from another thread."""

    def __init__(self, work: Read[_T]) -> None:
        self._work = work
        self._stopped = False

    def __call__(self, connection: apsw.Connection, path: Path) -> _T:
        connection.set_progress_handler(lambda: self._stopped, _LOOK_AFTER)
        connection.execute("BEGIN")
        try:
            return self._work(connection, path)
        finally:
            connection.set_progress_handler(None)
            connection.execute("ROLLBACK")

    def stop(self) -> None:
        self._stopped = True


class _Idle:
    """Connections that wait for their next use; those used longest ago are closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[int, tuple[Path, _Identity, apsw.Connection]] = OrderedDict()

    def take(self, path: Path, identity: _Identity) -> apsw.Connection | None:
        with self._lock:
            for key, (known, its, connection) in reversed(self._known.items()):
                if known == path and its == identity:
                    del self._known[key]
                    return connection
        return None

    def give(self, path: Path, identity: _Identity, connection: apsw.Connection) -> None:
        """Keep it, and look at the one that waits longest: a dropped store takes space until all close its file."""
        with self._lock:
            self._known[id(connection)] = (path, identity, connection)
            path, identity, oldest = self._known.popitem(last=False)[1]
            if len(self._known) < _IDLE and _identity(path) == identity:
                self._known[id(oldest)] = (path, identity, oldest)
                return
        oldest.close()

    def forget(self, path: Path) -> None:
        with self._lock:
            old = [key for key, (known, _, _) in self._known.items() if known == path]
            connections = [self._known.pop(key)[2] for key in old]
        for connection in connections:
            connection.close()

    def close(self) -> None:
        with self._lock:
            connections = [connection for _, _, connection in self._known.values()]
            self._known.clear()
        for connection in connections:
            connection.close()


def _whole(work: Work[_T], connection: apsw.Connection) -> _T:
    """Do this in one transaction, which takes the lock for writing at its beginning: two never wait for each other."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcome = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have ended it already
            connection.execute("ROLLBACK")
        raise
    return outcome


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _unlink(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        each.unlink(missing_ok=True)


def _told(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
