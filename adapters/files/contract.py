"""The one page the author of a store of bytes reads.

A *blob* is a run of bytes under a key. Keys are made by the gateway (letters, digits, `-`, `_` and `/`), never by
clients. A blob is there whole or not at all: whatever dies at whatever moment, nobody sees half of one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct


class StoreUnavailable(Exception):
    """The store does not answer, refuses or has no room: what was asked may succeed later."""


class BlobMissing(Exception):
    """There is no such blob."""


class BlobWriter(Protocol):
    """A blob that is being written; nobody sees it before `commit`."""

    async def write(self, data: bytes) -> None:
        """Take the next bytes; waits while the store is slower. Raises StoreUnavailable."""
        ...

    async def commit(self) -> None:
        """Make it durable and visible. Raises StoreUnavailable, after which it is not there."""
        ...

    async def abort(self) -> None:
        """Forget it; again, or after `commit`, does no harm. Never raises."""
        ...


class Found(Struct, frozen=True):
    """A blob that is there."""

    key: str
    size: int
    modified: float
    """Seconds since 1970."""


class BlobStore(Protocol):
    """A store. Every method may be called at any time from the event loop, and never blocks it."""

    async def start(self) -> None:
        """Make ready. Raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...

    def write(self, key: str) -> BlobWriter:
        """Begin a blob; one of this key that is there already is replaced at `commit`."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to, not including, `end`. Raises BlobMissing and StoreUnavailable."""
        ...

    async def join(self, key: str, parts: Sequence[str]) -> None:
        """Make a blob of others, one after the other; the parts stay. Raises BlobMissing and StoreUnavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Remove it; one that is not there is no fault. Raises StoreUnavailable."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[Found]:
        """Every blob whose key begins so, in any order. Raises StoreUnavailable."""
        ...

    async def sweep(self, older_than: float) -> int:
        """Remove what writers that died have left behind before this time; give how much it was."""
        ...


class Store(Struct, frozen=True):
    """One kind of store: a declaration."""

    name: str
    options: type[Struct]
    """What `files.options` may hold."""
    open: Callable[[Any, Path], BlobStore]
    """The options, and the gateway's folder of state for whoever keeps something on this machine. Raises ImportError
    where a library is missing, with the words that say which extra has it."""
    look: Callable[[Any, Path], Awaitable[None]] | None = None
    """See whether it would serve, given what `open` is: nothing is made or changed. Raises StoreUnavailable.
    `isthmus check --reach` leaves out a store that has none."""
