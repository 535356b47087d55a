"""The layer: a call is answered from what was answered before, where its route caches."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from adapters.wire.body import Body
from adapters.wire.errors import GatewayError, NotCached
from config import caching
from gateway.call import Call, Handler, Reply
from gateway.fingerprint import fingerprint
from gateway.inside import Inside
from gateway.layers.cache.directives import NOTHING_SAID, Directives, read_directives
from gateway.layers.cache.embeddings import Embeddings
from gateway.layers.cache.keeping import Keeper, headers_to_keep, timed
from gateway.layers.cache.replay import replay
from gateway.layers.cache.semantic import Question, Semantic
from gateway.observe.counters import Counters
from gateway.state.cache.contract import Entry, Store

_DIGEST_IN_THREAD_AT = 262_144
"""Bytes: writing so long a request down in the canonical way takes over a millisecond."""
_ANEW = {b"cache-control": b"no-cache"}


class Cache:
    """Stands before whoever asks targets. `inside` asks for new answers where an old one was given at once."""

    __slots__ = (
        "_clock",
        "_counters",
        "_embeddings",
        "_get",
        "_handler",
        "_inside",
        "_keeper",
        "_refreshing",
        "_semantic",
        "_store",
    )

    def __init__(
        self,
        handler: Handler,
        store: Store,
        entry_bytes: int,
        inside: Inside,
        counters: Counters,
        semantic: Semantic | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._handler = handler
        self._store = store
        self._get = store.get_at_once if semantic is None else None
        """Where nothing has to be waited for."""
        self._keeper = Keeper(store, entry_bytes, clock)
        self._inside = inside
        self._counters = counters
        self._clock = clock
        self._embeddings = Embeddings(handler, store, entry_bytes, counters, clock)
        self._semantic = semantic
        self._refreshing: set[bytes] = set()

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises NotCached where its client wants nothing else."""
        route = call.route
        settings = route.settings.cache if route is not None else None
        if settings is None:
            return self._handler(call)
        get = self._get
        if (
            get is None
            or call.operation == "embeddings"
            or b"cache-control" in call.client_headers
            or not 0 < call.body.size <= _DIGEST_IN_THREAD_AT
        ):
            return self._answer(call, settings)
        key = fingerprint(call)
        if (entry := get(key)) is not None:
            reply = self._known(call, key, entry, settings, NOTHING_SAID)
            if reply is not None:
                return _ready(reply)
        return self._ask(call, key, settings, NOTHING_SAID)

    async def _answer(self, call: Call, settings: caching.Cache) -> Reply:
        said = call.client_headers.get(b"cache-control")
        wants = NOTHING_SAID if said is None else read_directives(said)
        if call.operation == "embeddings":
            return await self._embeddings.answer(call, settings, wants)
        key = fingerprint(call) if _is_short(call.body) else await asyncio.to_thread(fingerprint, call)
        if wants.reads and (entry := await self._store.get(key)) is not None:
            reply = self._known(call, key, entry, settings, wants)
            if reply is not None:
                return reply
        if self._semantic is None or settings.semantic is None or not (wants.reads or wants.writes):
            return await self._ask(call, key, settings, wants)
        question = await self._semantic.question(call, settings.semantic)
        if question is not None and wants.reads:
            reply = await self._alike(call, question, settings, wants)
            if reply is not None:
                return reply
        return await self._ask(call, key, settings, wants, question)

    async def _alike(self, call: Call, question: Question, settings: caching.Cache, wants: Directives) -> Reply | None:
        """The reply to the nearest question that was answered; None where none is near enough."""
        semantic, limits = self._semantic, settings.semantic
        assert semantic is not None and limits is not None  # noqa: S101, PT018 - only then there is a question
        found = await semantic.index.nearest(question.group, question.vector)
        if found is None or found[1] < limits.threshold:
            return None
        key, similarity = found
        entry = await self._store.get(key)
        if entry is None:
            await semantic.index.discard(question.group, key)
            return None
        reply = self._known(call, key, entry, settings, wants)
        if reply is not None:
            reply.headers.append((b"x-isthmus-similarity", b"%.4f" % similarity))
        return reply

    def _known(self, call: Call, key: bytes, entry: Entry, settings: caching.Cache, wants: Directives) -> Reply | None:
        """The reply that an entry makes; None where it is too old or has not the form that is asked for."""
        age = max(0.0, self._clock() - entry.made)
        if age >= settings.ttl + settings.stale or age > wants.max_age:
            return None
        is_stale = age >= settings.ttl
        reply = replay(call, entry, settings.pacing == "recorded")
        if reply is None:
            return None
        call.cache = "stale" if is_stale else "hit"
        reply.headers += ((b"x-isthmus-cache", call.cache.encode()), (b"age", b"%d" % age))
        if is_stale and key not in self._refreshing:
            self._refreshing.add(key)
            self._inside.in_background(self._refresh(call, key))
        return reply

    async def _ask(
        self, call: Call, key: bytes, settings: caching.Cache, wants: Directives, question: Question | None = None
    ) -> Reply:
        call.cache = "miss" if wants.reads else "bypass"
        if wants.only_cached:
            raise NotCached("No answer to this request is in the cache, and the client asked for no other.")
        reply = await self._handler(call)
        if wants.writes:
            seconds = settings.ttl + settings.stale
            times = timed(reply) if settings.pacing == "recorded" else None
            then = None
            if question is not None and self._semantic is not None:
                then = self._inside.later(self._semantic.index.add, question.group, question.vector, key)
            call.on_close.append(
                partial(self._keeper.keep, key, reply, headers_to_keep(call, reply), seconds, times, then)
            )
        reply.headers.append((b"x-isthmus-cache", call.cache.encode()))  # by now it may have joined another
        return reply

    async def _refresh(self, call: Call, key: bytes) -> None:
        """Have a call answered anew; whatever goes wrong, the old answer stays as long as it may."""
        try:
            headers = call.client_headers | _ANEW
            await self._inside.ask(call.operation, call.caller, call.body, headers, "refresh")
        except GatewayError:
            self._counters.add("cache_refresh_failures")
        finally:
            self._refreshing.discard(key)


async def _ready(reply: Reply) -> Reply:
    return reply


def _is_short(body: Body) -> bool:
    fields = body.fields
    return len(fields.get("messages") or fields.get("prompt") or b"") <= _DIGEST_IN_THREAD_AT
