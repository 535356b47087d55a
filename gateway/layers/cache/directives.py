"""What a client says of the cache, in its `Cache-Control`.

https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1
"""

import math

from msgspec import Struct


class Directives(Struct, frozen=True):
    """Which answers will do."""

    reads: bool = True
    """One from the cache may be given."""
    writes: bool = True
    """The answer may be kept."""
    only_cached: bool = False
    """No other answer is wanted."""
    max_age: float = math.inf
    """Seconds that it may be old."""


NOTHING_SAID = Directives()


def read_directives(value: bytes) -> Directives:
    """Read the header; what it says of other things is left out, and an age that is none counts as 0."""
    said: dict[str, str] = {}
    for part in value.decode("latin-1").lower().split(","):
        name, _, argument = part.partition("=")
        said[name.strip()] = argument.strip().strip('"')
    no_store = "no-store" in said
    return Directives(
        reads=not (no_store or "no-cache" in said),
        writes=not no_store,
        only_cached="only-if-cached" in said,
        max_age=_seconds(said["max-age"]) if "max-age" in said else math.inf,
    )


def _seconds(written: str) -> float:
    return float(written[:12]) if written.isascii() and written.isdigit() else 0
