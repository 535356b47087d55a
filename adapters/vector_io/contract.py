"""The one page the author of a vector backend reads.

A backend keeps *chunks*: a piece of a file's text, its vector and the file's attributes. The gateway makes ids,
vectors, pages and records; it fuses, reranks and cuts. Two searches are all that a backend knows: by vector and by
words, each with the filter pushed down. Both must give what the same chunks give on every other backend, within the
tolerance of an approximate index; tests/adapters/vector_io/ runs one suite on all of them.

Writes are idempotent: after a crash the gateway does them again.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from adapters.vector_io.filters import Attribute, Filter


class BackendUnavailable(Exception):
    """The database does not answer, or not in time: the same may succeed later. Says which backend, never a secret."""


class Chunk(Struct, frozen=True):
    """A piece of a file in one store."""

    id: str
    """Unique in its store, and the same whenever the same file is taken in again: 1 to 100 characters, a-z 0-9 - _."""
    file_id: str
    index: int
    """Which piece of the file it is, from 0."""
    text: str
    vector: bytes
    """float32, little-endian, of length 1 (or all zeros)."""
    attributes: dict[str, Attribute]
    """Of the file: at most 16."""


class Hit(Struct, frozen=True):
    """A chunk that was found."""

    id: str
    file_id: str
    index: int
    text: str
    score: float
    """Cosine similarity from -1 to 1, or BM25 from 0 up: more is better."""
    attributes: dict[str, Attribute]


class VectorBackend(Protocol):
    """A database. Its methods are called from the event loop and never block it; all raise BackendUnavailable.

    `store` is an id of the gateway: 1 to 64 characters, a-z A-Z 0-9 - _, the first a letter. One that was not made, or
    was dropped, holds nothing; a write to it raises BackendUnavailable.
    """

    async def start(self) -> None:
        """Reach it."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of it."""
        ...

    async def create(self, store: str, dimensions: int) -> None:
        """Make room for a store; one that is there already is no fault."""
        ...

    async def drop(self, store: str) -> None:
        """Remove a store and all that is in it; one that is not there is no fault."""
        ...

    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in, each in place of one with its id (the last one of several): all are then durable and found."""
        ...

    async def remove(self, store: str, file_id: str) -> None:
        """Take every chunk of a file out; none is no fault."""
        ...

    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give every chunk of a file these attributes in place of those it has."""
        ...

    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many chunks are there, of one file or of all."""
        ...

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks nearest in meaning, best first."""
        ...

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The chunks that share words with the text, best first by BM25 (words as `words.py` reads them)."""
        ...


class BackendType(Struct, frozen=True):
    """One kind of backend: a declaration."""

    name: str
    options: type[Struct]
    """What `options` of a backend of this type may hold."""
    open: Callable[[str, Any, Path], VectorBackend]
    """The backend's name, its options, and a folder for whoever keeps something on this machine. Raises ImportError
    where a library is missing, with the words that say which extra has it."""
    one_process: bool = False
    """Whether only one process may have it open: such a backend is refused with several workers."""
    look: Callable[[str, Any, Path], Awaitable[None]] | None = None
    """See whether it would serve, given what `open` is: nothing is made, changed or locked, while gateways may be at
    work with it. Raises BackendUnavailable. `isthmus check --reach` leaves out what has none."""
