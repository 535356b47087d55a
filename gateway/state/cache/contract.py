"""What is kept of an answer, and what every place to keep it can do."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from adapters.wire.usage import Usage


class Entry(Struct, frozen=True, gc=False, array_like=True):
    """A complete answer as a client was given it."""

    made: float
    """When, in seconds since 1970: several machines read it."""
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    """Those that say where the answer came from and what it is."""
    usage: Usage | None
    """What it used then."""
    is_stream: bool = False
    tells_usage: bool = False
    """Whether the stream was one whose client asked for usage."""
    pace: tuple[tuple[int, float], ...] = ()
    """For streams that are replayed as they came: bytes of each piece, and seconds after the first."""


class Store(Protocol):
    """Keeps answers for a while. None of its methods raises, whatever becomes of what is behind it."""

    @property
    def get_at_once(self) -> Callable[[bytes], Entry | None] | None:
        """The same as `get`, for a store where nothing has ever to be waited for."""
        ...

    async def get(self, key: bytes) -> Entry | None:
        """The answer to a request, by its digest; None where there is none any more."""
        ...

    async def get_many(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """The same for several, in their order."""
        ...

    def put(self, key: bytes, entry: Entry, seconds: float) -> None:
        """Keep an answer for so long; it may be there only a little later."""
        ...

    def discard(self, key: bytes) -> None:
        """Forget an answer."""
        ...


class SemanticIndex(Protocol):
    """Finds questions by their vectors. A service of vectors can stand behind it; it raises nothing."""

    async def nearest(self, group: bytes, vector: Sequence[float]) -> tuple[bytes, float] | None:
        """The key of the nearest question's answer, and the cosine of the two; None where there is none."""
        ...

    async def add(self, group: bytes, vector: Sequence[float], key: bytes) -> None:
        """Remember a question that has been answered."""
        ...

    async def discard(self, group: bytes, key: bytes) -> None:
        """Forget a question whose answer is gone."""
        ...
