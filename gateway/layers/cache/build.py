"""Puts the cache before a handler, as the configuration says."""

from typing import TYPE_CHECKING

from config.schema import Config
from gateway.call import Handler
from gateway.inside import Inside
from gateway.layers.cache.layer import Cache
from gateway.observe.counters import Counters
from gateway.state.cache.contract import Store
from gateway.state.cache.kept import Kept

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
    return Cache(handler, store, config.cache.entry_bytes, inside, counters)
