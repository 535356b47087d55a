"""What a provider tells of its limits in headers: under other names where the gateway tells limits of its own."""

from functools import lru_cache
from typing import Final, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

_TOLD: Final = b"x-ratelimit-"
_RENAMED: Final = b"x-isthmus-upstream-ratelimit-"


def renamed(header: Header) -> Header:
    """A header as it is told where the gateway tells limits of its own."""
    return _name(header[0]), header[1]


@lru_cache(maxsize=256)
def _name(theirs: bytes) -> bytes:
    return _RENAMED + theirs[len(_TOLD) :] if theirs.startswith(_TOLD) else theirs
