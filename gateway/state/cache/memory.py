"""Answers in this process, bounded in bytes.

Two queues, each in the order of use (segmented LRU): an answer begins in the first and moves to the second when it is
used again. What is never asked for twice, most of what a gateway sees, thus pushes out only its like
(docs/decisions/0014-which-answers-stay.md). Every step takes the same time however much is kept.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from gateway.state.cache.contract import Entry

_OVERHEAD = 550
"""Bytes of the objects around an answer, and of its places in the queues."""
_HEADER_OVERHEAD = 150
_PACE_OVERHEAD = 120
_USED_AGAIN_SHARE = 0.8
"""The part of all bytes that answers which were used again may take."""


_Kept: TypeAlias = tuple[Entry, float, int]
"""An answer, when its time is over, and its bytes."""


class Memory:
    """A store."""

    __slots__ = ("_again", "_again_size", "_clock", "_most", "_new", "size")

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._new: OrderedDict[bytes, _Kept] = OrderedDict()
        self._again: OrderedDict[bytes, _Kept] = OrderedDict()
        self._again_size = 0
        self.size = 0
        """Bytes of all that is kept."""

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._new) + len(self._again)

    def resize(self, most: int) -> None:
        """Keep no more than so many bytes from now on."""
        self._most = most
        self._make_room()

    def get_at_once(self, key: bytes) -> Entry | None:
        """The answer to a request, by its digest."""
        kept = self._again.get(key)
        if kept is not None:
            if kept[1] > self._clock():
                self._again.move_to_end(key)
                return kept[0]
        else:
            kept = self._new.get(key)
            if kept is None:
                return None
            if kept[1] > self._clock():
                self._promote(key, kept)
                return kept[0]
        self.discard(key)
        return None

    async def get(self, key: bytes) -> Entry | None:
        """The same, as other stores have it."""
        return self.get_at_once(key)

    async def get_many(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """The same for several, in their order."""
        return [self.get_at_once(key) for key in keys]

    def put(self, key: bytes, entry: Entry, seconds: float) -> None:
        """Keep an answer for so long, if it has room among the others."""
        size = size_of(key, entry)
        if size > self._most:
            return
        kept = (entry, self._clock() + seconds, size)
        if key in self._again:
            self._again_size += size - self._again[key][2]
            self.size += size - self._again[key][2]
            self._again[key] = kept
            self._again.move_to_end(key)
        else:
            if key in self._new:
                self.size -= self._new.pop(key)[2]
            self._new[key] = kept
            self.size += size
        if self.size > self._most:
            self._make_room()

    def discard(self, key: bytes) -> None:
        """Forget an answer."""
        if (kept := self._new.pop(key, None)) is not None:
            self.size -= kept[2]
        elif (kept := self._again.pop(key, None)) is not None:
            self.size -= kept[2]
            self._again_size -= kept[2]

    def _promote(self, key: bytes, kept: _Kept) -> None:
        del self._new[key]
        self._again[key] = kept
        self._again_size += kept[2]
        while self._again_size > self._most * _USED_AGAIN_SHARE:
            oldest, demoted = self._again.popitem(last=False)
            self._again_size -= demoted[2]
            self._new[oldest] = demoted

    def _make_room(self) -> None:
        while self.size > self._most:
            if self._new:
                _, kept = self._new.popitem(last=False)
            else:
                _, kept = self._again.popitem(last=False)
                self._again_size -= kept[2]
            self.size -= kept[2]


def size_of(key: bytes, entry: Entry) -> int:
    """Bytes that an answer takes in memory."""
    size = len(key) + len(entry.body) + _OVERHEAD + _HEADER_OVERHEAD * len(entry.headers)
    return size + _PACE_OVERHEAD * len(entry.pace) if entry.pace else size
