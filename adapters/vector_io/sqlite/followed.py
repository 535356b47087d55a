"""Vectors that an index of another library finds; what is in the store's file is what counts.

A write goes to the file alone. The index follows: whoever asks it brings it up to date first, by the numbers of chunks,
which only grow, and by the list of those that are gone. So a crash costs nothing but following again from where the
index was saved last, and each process has its own.
"""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

import apsw

from adapters.vector_io.contract import Hit
from adapters.vector_io.filters import Filter
from adapters.vector_io.sqlite import tables
from adapters.vector_io.sqlite.stores import NoStore

Marks: TypeAlias = tuple[int, int]
"""Up to where an index has followed: the last number of a chunk, and of the list of those that are gone."""
NOTHING: Marks = (0, 0)

_TABLES = """
CREATE TABLE vectors (number INTEGER PRIMARY KEY, file INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TABLE gone (sequence INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL);
CREATE TRIGGER vectors_follow AFTER DELETE ON chunks BEGIN
    DELETE FROM vectors WHERE number = old.number;
    INSERT INTO gone (number) VALUES (old.number);
END;
CREATE TABLE follow (identity TEXT NOT NULL);
"""
_PUT = "INSERT INTO vectors SELECT number, file, ?2 FROM chunks WHERE number = ?1"
_BATCH = 1_000
_GONE = 1_000_000
"""The list of those that are gone is cut at this length; an index that is further behind is made anew."""
_SAVED_AFTER = 5_000
"""Changes after which an index is saved, or a fifth of what it holds where that is more."""


class Index(Protocol):
    """The vectors of one store, in a folder of its own. Only one thread uses it at a time."""

    marks: Marks
    """As they were saved; NOTHING for a new index."""

    def add(self, numbers: Sequence[int], files: Sequence[int], vectors: bytes) -> None:
        """Put vectors in; those that are in already change nothing."""
        ...

    def clear(self) -> None:
        """Take everything out."""
        ...

    def remove(self, numbers: Sequence[int]) -> None:
        """Take vectors out; those that are not in are no fault."""
        ...

    def search(self, vector: bytes, limit: int, files: Sequence[int] | None) -> list[tuple[int, float]]:
        """The numbers of those nearest by the cosine, of some files or of all, best first."""
        ...

    def tend(self, file: Path) -> Marks | None:
        """Become quicker, in the background, by what is in the file of the store; new marks where that is done."""
        ...

    def __len__(self) -> int: ...

    def save(self, marks: Marks) -> None:
        """Make it last, together with its marks: after a crash it is as it was saved, or as it is now."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Followed:
    """Vectors in an index. See sqlite/backend.py. `most` stores have theirs open at once."""

    def __init__(self, open_index: Callable[[Path, int], Index], most: int) -> None:
        self._open_index = open_index
        self._most = most
        self._lock = threading.Lock()
        self._followers: OrderedDict[str, _Follower] = OrderedDict()

    def prepare(self, connection: apsw.Connection) -> None:
        """Nothing is missing."""

    def make(self, connection: apsw.Connection, dimensions: int) -> None:
        """Add the tables that an index follows."""
        connection.execute(_TABLES)
        connection.execute("INSERT INTO follow VALUES (?)", (uuid4().hex,))

    def put(self, connection: apsw.Connection, rows: Sequence[tuple[int, bytes]]) -> None:
        """Keep the vectors of new chunks."""
        connection.executemany(_PUT, rows)

    def settle(self, connection: apsw.Connection, path: Path) -> None:
        """Let the index follow at once, so that no search waits for it."""
        with self._following(connection, path) as follower:
            follower.follow(connection, path)
        oldest, newest = connection.execute("SELECT min(sequence), max(sequence) FROM gone").get
        if oldest is not None and newest - oldest >= _GONE:
            connection.execute("DELETE FROM gone WHERE sequence <= ?", (newest - _GONE // 2,))

    def nearest(
        self, connection: apsw.Connection, path: Path, vector: bytes, limit: int, filter: Filter | None
    ) -> list[Hit]:
        """The chunks nearest in meaning, of the files that satisfy the filter."""
        with self._following(connection, path) as follower:
            connection.execute("COMMIT; BEGIN")  # what is read from here on is not older than what others followed
            follower.follow(connection, path)
            files = None if filter is None else tables.files(connection, filter)
            return tables.hits(connection, follower.index.search(vector, limit, files))

    def drop(self, path: Path) -> None:
        """Delete the index of a store."""
        with self._lock:
            for folder in path.parent.glob(f"{path.stem}.*.index"):
                if follower := self._followers.pop(folder.name, None):
                    follower.close(save=False)
                shutil.rmtree(folder)

    def close(self) -> None:
        """Save every index."""
        with self._lock:
            followers = list(self._followers.values())
            self._followers.clear()
        for follower in followers:
            follower.close(save=True)

    @contextmanager
    def _following(self, connection: apsw.Connection, path: Path) -> Iterator["_Follower"]:
        """The index of a store, which nobody else uses meanwhile. Raises NoStore."""
        while True:
            follower = self._find(connection, path)
            with follower.lock:
                if not follower.closed:
                    yield follower
                    return

    def _find(self, connection: apsw.Connection, path: Path) -> "_Follower":
        """The lock is held while one is opened or closed: no folder is ever opened twice."""
        identity, dimensions = connection.execute("SELECT identity, dimensions FROM follow, store").get
        name = f"{path.stem}.{identity}.index"
        with self._lock:
            if name not in self._followers:
                if not path.exists():  # it was dropped, and its index is never looked for again
                    raise NoStore(path.stem)
                self._followers[name] = _Follower(self._open_index(path.parent / name, dimensions))
            self._followers.move_to_end(name)
            while len(self._followers) > self._most:
                self._followers.popitem(last=False)[1].close(save=True)
            return self._followers[name]


class _Follower:
    """An index, and up to where it has followed. Whoever uses it holds its lock."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.lock = threading.Lock()
        self.closed = False
        self._marks = index.marks
        self._changes = 0

    def follow(self, connection: apsw.Connection, file: Path) -> None:
        """Bring the index up to date with what the connection sees."""
        number, sequence = self._marks = self.index.tend(file) or self._marks
        oldest = connection.execute("SELECT min(sequence) FROM gone").get
        if oldest is not None and oldest > sequence + 1:
            self.index.clear()
            number, sequence = NOTHING
        for rows in _batches(connection, "SELECT number, file, value FROM vectors WHERE number > ?", number):
            self.index.add([row[0] for row in rows], [row[1] for row in rows], b"".join(row[2] for row in rows))
            number = rows[-1][0]
            self._changes += len(rows)
        for rows in _batches(connection, "SELECT sequence, number FROM gone WHERE sequence > ?", sequence):
            self.index.remove([row[1] for row in rows])
            sequence = rows[-1][0]
            self._changes += len(rows)
        self._marks = number, sequence
        if self._changes >= max(_SAVED_AFTER, len(self.index) // 5):
            self._save()

    def close(self, *, save: bool) -> None:
        """Wait until nobody uses it, and let go of it."""
        with self.lock:
            self.closed = True
            if save and self._changes:
                self._save()
            self.index.close()

    def _save(self) -> None:
        self.index.save(self._marks)
        self._changes = 0


def _batches(connection: apsw.Connection, query: str, after: int) -> Iterator[list[Any]]:
    """Rows in the order of their first column, from `after` on."""
    while rows := list(connection.execute(f"{query} ORDER BY 1 LIMIT {_BATCH}", (after,))):
        yield rows
        after = rows[-1][0]
