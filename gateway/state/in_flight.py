"""Requests in progress, counted over every worker of the gateway."""

import mmap
import os
import struct

_SLOT = struct.Struct("q")


class InFlight:
    """One number for each worker in memory they share: each writes its own and reads them all.

    Without a lock: the sum can be off by the few requests that start within the same microseconds.
    """

    __slots__ = ("_fd", "_mine", "_slots")

    def __init__(self, fd: int | None = None, worker: int = 0, workers: int = 1) -> None:
        size = _SLOT.size * workers
        if fd is None:
            fd = os.memfd_create("isthmus-in-flight")
            os.ftruncate(fd, size)
        self._fd = fd
        self._slots = memoryview(mmap.mmap(fd, size)).cast("q")
        self._mine = worker
        self._slots[worker] = 0

    def fileno(self) -> int:
        """The shared memory, for a worker to inherit."""
        return self._fd

    def total(self) -> int:
        """Requests in progress in all workers."""
        return sum(self._slots)

    def add(self) -> None:
        """One more here."""
        self._slots[self._mine] += 1

    def remove(self) -> None:
        """One less here."""
        self._slots[self._mine] -= 1

    def forget(self, worker: int) -> None:
        """A worker died: what it had in progress is over."""
        self._slots[worker] = 0
