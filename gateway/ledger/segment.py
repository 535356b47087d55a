"""One file of the journal: records in memory that the kernel keeps when the process is killed.

A record is its length and CRC-32 (4 bytes each, little-endian), a kind (1 byte), an attempt's id (36 bytes) and a
piece of JSON. The first eight bytes are stored last and at once, so a record is there whole or not at all; after a
power cut, when pages may be missing, the CRC tells.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

_HEADER = struct.Struct("<II")
_ID_END = 37


class Record(NamedTuple):
    """One record; `kind` is None for one that is damaged."""

    kind: int | None
    id: bytes
    text: bytes


class Segment:
    """A file to append to, as large from the beginning as it may become: a full disk is met here, not at a write."""

    __slots__ = ("_map", "end", "number", "path", "size")

    def __init__(self, path: Path, number: int, size: int) -> None:
        """Create it. Raises OSError."""
        self.path = path
        self.number = number
        self.size = size
        self.end = 0
        """Bytes that hold records."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            self._map: Any = mmap.mmap(fd, size)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(fd)

    def append(self, record: bytes) -> bool:
        """Add a record: its kind, its id, its text. False where there is no room."""
        begin = self.end + 8
        end = begin + len(record)
        if end > self.size:
            return False
        self._map[begin:end] = record
        _HEADER.pack_into(self._map, begin - 8, len(record), crc32(record))
        self.end = end
        return True

    def records(self, begin: int, most: int) -> tuple[list[Record], int]:
        """Up to so many records from an offset on, and the offset after them."""
        found = list(islice(read_records(self._map, begin, self.end), most))
        return [record for record, _ in found], found[-1][1] if found else begin

    def remove(self) -> None:
        """Delete the file."""
        self._map.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file to whoever comes next."""
        self._map.close()


def read_records(data: Any, begin: int, end: int) -> Iterator[tuple[Record, int]]:
    """The records between two offsets, each with the offset after it; a damaged one has no kind.

    After a length that can't be, nothing more is read.
    """
    while begin + 8 <= end:
        length, crc = _HEADER.unpack_from(data, begin)
        begin += 8
        if not length and not crc:
            return
        if length < _ID_END or begin + length > end:
            yield Record(None, b"", b""), end
            return
        record = data[begin : begin + length]
        begin += length
        if crc32(record) == crc:
            yield Record(record[0], record[1:_ID_END], record[_ID_END:]), begin
        else:
            yield Record(None, b"", b""), begin
