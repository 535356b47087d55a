"""Puts the cache before a handler, as the configuration says."""

from typing import TYPE_CHECKING

from config.schema import Config
from gateway.call import Handler
from gateway.inside import Inside
from gateway.layers.cache.layer import Cache
from gateway.layers.cache.semantic import Semantic
from gateway.observe.counters import Counters
from gateway.state.cache.contract import Store
from gateway.state.cache.kept import Kept

_VECTORS_PART = 4
"""The vectors of questions take a quarter of what the answers may, besides them."""

if TYPE_CHECKING:
    from gateway.state.redis import Redis


def with_cache(
    handler: Handler, config: Config, kept: Kept, redis: "Redis | None", inside: Inside, counters: Counters
) -> Handler:
    """The handler itself where no model is cached."""
    if not any(model.cache is not None for model in config.models.values()):
        return handler
    kept.answers.resize(config.cache.bytes)
    store: Store = kept.answers
    if config.cache.store == "redis" and redis is not None:
        from gateway.state.cache.redis import RedisStore

        store = RedisStore(redis, config.cache.entry_bytes, counters)
    semantic = _semantic(config, kept, inside, counters)
    return Cache(handler, store, config.cache.entry_bytes, inside, counters, semantic)


def _semantic(config: Config, kept: Kept, inside: Inside, counters: Counters) -> Semantic | None:
    if not any(model.cache is not None and model.cache.semantic is not None for model in config.models.values()):
        return None
    from gateway.state.cache.similar import Similar  # may load numpy

    if kept.similar is None:
        kept.similar = Similar(config.cache.bytes // _VECTORS_PART)
    return Semantic(kept.similar, inside, counters)
