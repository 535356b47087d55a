"""The journal of one worker: a folder of segments that only it writes, until it is dead and another takes them over.

A lock (flock(2)) on a file in the folder tells which: the kernel gives it up with the process, however that ends.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway.ledger.segment import Record, Segment

SEGMENT_BYTES = 4_194_304
_LOCK = "lock"
_NEW = ".new-"
_SUFFIX = ".segment"


class Journal:
    """Where a worker writes what it may not forget."""

    __slots__ = ("_folder", "_lock", "_number", "_segment_bytes", "_segments_most", "_spare", "segments")

    def __init__(self, folder: Path, most: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Make one in a folder of journals, of at most so many bytes (two segments at least). Raises OSError."""
        self._segments_most = max(2, most // segment_bytes)
        self._segment_bytes = segment_bytes
        self._number = 0
        self._spare: Segment | None = None
        self._folder, self._lock = _make(folder)
        self.segments: list[Segment] = [self._new()]
        """The last one is written to."""

    @property
    def held(self) -> int:
        """Bytes of records that it holds."""
        return sum(segment.end for segment in self.segments)

    @property
    def has_room(self) -> bool:
        """Whether its bound lets it grow."""
        return len(self.segments) < self._segments_most

    def append(self, record: bytes, *, beyond: bool = False) -> bool:
        """Add a record: its kind, its id, its text. False where the disk, or the bound if that counts, has no room."""
        return self.segments[-1].append(record) or self._append_to_next(record, beyond)

    def prepare(self) -> None:
        """Have the next segment ready, so that no request waits while the disk finds room for it. Raises OSError."""
        if self._spare is None and self.segments[-1].end > self._segment_bytes // 2 and self.has_room:
            self._spare = self._new()

    def remove_first(self) -> None:
        """Delete the oldest segment."""
        self.segments.pop(0).remove()

    def close(self, *, keep: bool) -> None:
        """Write no more; delete everything, or leave it to whoever comes next."""
        if self._spare is not None:
            self._spare.remove()
        for segment in self.segments:
            segment.close() if keep else segment.remove()
        if not keep:
            _remove(self._folder)
        os.close(self._lock)

    def _append_to_next(self, record: bytes, beyond: bool) -> bool:
        segment, self._spare = self._spare, None
        try:
            if segment is None:
                if not (beyond or self.has_room):
                    return False
                segment = self._new()
        except OSError:
            return False
        self.segments.append(segment)
        return segment.append(record)

    def _new(self) -> Segment:
        self._number += 1
        return Segment(self._folder / f"{self._number:08}{_SUFFIX}", self._number, self._segment_bytes)


class Tail:
    """Reads a journal while it is written."""

    __slots__ = ("_journal", "_offset", "index")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.index = 0
        """Segments that have been read to their end."""
        self._offset = 0

    def read(self, most: int) -> tuple[int, list[Record]]:
        """Up to so many records that have not been read, and the number of their segment."""
        segments = self._journal.segments
        while True:
            segment = segments[self.index]
            records, self._offset = segment.records(self._offset, most)
            if records or self.index == len(segments) - 1:
                return segment.number, records
            self.index += 1
            self._offset = 0

    def remove_first(self) -> None:
        """Delete the oldest segment, which has been read."""
        self._journal.remove_first()
        self.index -= 1


class Left:
    """The journal of a worker that is dead. The lock is this process's now."""

    __slots__ = ("_folder", "_lock")

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock

    @property
    def name(self) -> str:
        """The folder's."""
        return self._folder.name

    def segments(self) -> list[Path]:
        """Its files, in the order in which they were written."""
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def remove(self) -> None:
        """Delete it: everything in it is in the database."""
        _remove(self._folder)
        os.close(self._lock)

    def release(self) -> None:
        """Leave it for another try."""
        os.close(self._lock)


def left_in(folder: Path) -> Iterator[Left]:
    """The journals of dead workers in a folder of journals; each is to be removed or released."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_NEW):
            continue
        try:
            lock = os.open(path / _LOCK, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        if path.is_dir():
            yield Left(path, lock)
        else:  # removed by another worker between the two calls
            os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    """A new folder with a lock; it gets its name once it is locked, so that nobody takes it for a dead worker's."""
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    hidden = parent / f"{_NEW}{name}"
    hidden.mkdir(mode=0o700, parents=True)
    lock = os.open(hidden / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return hidden.rename(parent / name), lock


def _remove(folder: Path) -> None:
    for path in folder.glob(f"*{_SUFFIX}"):
        path.unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
