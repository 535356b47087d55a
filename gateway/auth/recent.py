"""A bounded table that forgets what was not asked for longest."""

from collections import OrderedDict
from typing import Generic, TypeVar

_V = TypeVar("_V")


class Recent(Generic[_V]):
    """Values by the digest of what was presented, `most` of them."""

    __slots__ = ("_most", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[bytes, _V] = OrderedDict()

    def get(self, digest: bytes) -> _V | None:
        """A value, which is the last to be forgotten now."""
        value = self._values.get(digest)
        if value is not None:
            self._values.move_to_end(digest)
        return value

    def put(self, digest: bytes, value: _V) -> None:
        """Take a value; over the bound the oldest is forgotten."""
        self._values[digest] = value
        self._values.move_to_end(digest)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, digest: bytes) -> bool:
        """Forget a value; tell whether there was one."""
        return self._values.pop(digest, None) is not None

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)
