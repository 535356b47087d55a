"""Caching as an operator writes it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from config.values import Bytes, Seconds, Share

Duration = Annotated[float, Meta(gt=0, le=31_536_000)]


class Semantic(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Also answer from the cache what was asked in other words."""

    embedding: str
    """The model of this gateway that embeds the last turns."""
    threshold: Share = 0.95
    """The least cosine similarity of two questions that are taken for the same."""
    turns: Annotated[int, Meta(ge=1, le=64)] = 1
    """The last messages that may differ in words; all before them, and everything else, must be equal."""
    characters: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """Of these messages; longer ones are only answered if they are equal, because an embedding model reads no further
    than its context."""
    timeout: Seconds = 1
    """For the embedding; without it in time the request goes on as any other."""


class Cache(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which answers of a route are kept, and for whom."""

    ttl: Duration = 3_600
    """Seconds that an answer is good for."""
    stale: Annotated[float, Meta(ge=0, le=31_536_000)] = 0
    """Seconds after that in which it is still given at once, while a new one is fetched."""
    scope: Literal["key", "owner", "team", "everybody"] = "owner"
    """Who shares answers."""
    pacing: Literal["fast", "recorded"] = "fast"
    """A stream from the cache comes as fast as the client reads, or as it once came."""
    single_flight: bool = True
    """Identical calls under way share one answer."""
    ignore: list[str] = field(default_factory=list)
    """Request fields that do not matter, besides `user`, `metadata`, `stream`, `stream_options`."""
    semantic: Semantic | None = None
    """Also answer what was asked in other words."""


class CacheStore(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where answers are kept, for all routes."""

    store: Literal["memory", "redis"] = "memory"
    """`memory`: in each worker; `redis`: shared by all, in `state.redis`."""
    bytes: Bytes = 268_435_456
    """What each worker keeps in memory; the least useful answers leave first."""
    entry_bytes: Bytes = 4_194_304
    """A longer answer is not kept."""
