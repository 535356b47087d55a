"""Which question that was answered before is the nearest to a new one.

Questions are compared within a group alone: of one owner, and equal in everything but their words.
"""

from collections import OrderedDict
from collections.abc import Sequence
from math import sqrt
from operator import mul
from typing import Any

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

GROUP_MOST = 1_024 if numpy is not None else 64
"""Questions of one group, the newest: as many as are compared in a fraction of a millisecond."""
_OVERHEAD = 300
"""Bytes that a question takes besides its numbers."""
_NUMBER = 4 if numpy is not None else 32
_GROUP_OVERHEAD = 1_000


class Similar:
    """An index in this process, bounded in bytes: the groups that were asked longest ago leave first."""

    __slots__ = ("_groups", "_most", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: OrderedDict[bytes, _Group] = OrderedDict()
        self.size = 0
        """Bytes of all that is kept."""

    def resize(self, most: int) -> None:
        """Keep no more than so many bytes from now on."""
        self._most = most
        self._make_room()

    async def nearest(self, group: bytes, vector: Sequence[float]) -> tuple[bytes, float] | None:
        """The key of the nearest question's answer, and the cosine of the two."""
        known = self._groups.get(group)
        if known is None:
            return None
        self._groups.move_to_end(group)
        return known.nearest(_normal(vector))

    async def add(self, group: bytes, vector: Sequence[float], key: bytes) -> None:
        """Remember a question that has been answered."""
        known = self._groups.get(group)
        if known is None:
            known = self._groups[group] = _Group()
            self.size += _GROUP_OVERHEAD
        self._groups.move_to_end(group)
        self.size -= known.size
        known.add(_normal(vector), key)
        self.size += known.size
        self._make_room()

    async def discard(self, group: bytes, key: bytes) -> None:
        """Forget a question whose answer is gone."""
        known = self._groups.get(group)
        if known is None:
            return
        self.size -= known.size
        known.discard(key)
        self.size += known.size
        if not known.keys:
            del self._groups[group]
            self.size -= _GROUP_OVERHEAD

    def _make_room(self) -> None:
        while self.size > self._most and self._groups:
            _, oldest = self._groups.popitem(last=False)
            self.size -= oldest.size + _GROUP_OVERHEAD


class _Group:
    """Questions that may have each other's answers."""

    __slots__ = ("keys", "vectors")

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.vectors: Any = None
        """A row for each key."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(len(key) + _OVERHEAD + len(self.vectors[0]) * _NUMBER for key in self.keys[:1]) * len(self.keys)

    def nearest(self, vector: list[float]) -> tuple[bytes, float] | None:
        if not self.keys or len(self.vectors[0]) != len(vector):
            return None
        if numpy is not None:
            cosines = self.vectors @ numpy.asarray(vector, dtype=numpy.float32)
            best = int(cosines.argmax())
        else:
            cosines = [sum(map(mul, row, vector)) for row in self.vectors]
            best = max(range(len(cosines)), key=cosines.__getitem__)
        return self.keys[best], min(1.0, float(cosines[best]))

    def add(self, vector: list[float], key: bytes) -> None:
        if self.keys and len(self.vectors[0]) != len(vector):
            self.keys, self.vectors = [], None  # the embedding model is another one now
        self.discard(key)
        first = max(0, len(self.keys) + 1 - GROUP_MOST)
        self.keys = [*self.keys[first:], key]
        before = self.vectors[first:] if self.vectors is not None else []
        if numpy is not None:
            row = numpy.asarray([vector], dtype=numpy.float32)
            self.vectors = numpy.concatenate((before, row)) if len(before) else row
        else:
            self.vectors = [*before, vector]

    def discard(self, key: bytes) -> None:
        if key not in self.keys:
            return
        place = self.keys.index(key)
        del self.keys[place]
        if numpy is not None:
            self.vectors = numpy.delete(self.vectors, place, axis=0)
        else:
            del self.vectors[place]


def _normal(vector: Sequence[float]) -> list[float]:
    """The same direction with the length 1; nothing is like a vector without length."""
    length = sqrt(sum(map(mul, vector, vector)))
    return [number / length for number in vector] if length else list(vector)
