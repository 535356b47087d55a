"""Embeddings are cached by the input: a batch asks its provider only for what is new, and for each thing once."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from copy import copy

from msgspec import Raw

from adapters.wire.body import Body
from adapters.wire.embeddings import read_inputs, read_vectors, write_vectors
from adapters.wire.errors import NotCached, UpstreamError
from adapters.wire.usage import Usage
from config import caching
from gateway.call import Call, Handler, Reply
from gateway.fingerprint import digest
from gateway.layers.cache.directives import Directives
from gateway.layers.cache.keeping import kept_headers
from gateway.observe.counters import Counters
from gateway.state.cache.contract import Entry, Store

_IN_THREAD_AT = 524_288
"""Bytes of an answer: reading more takes over a millisecond."""


class Embeddings:
    """Answers embeddings calls from a store and a handler."""

    __slots__ = ("_clock", "_counters", "_handler", "_most", "_store")

    def __init__(
        self,
        handler: Handler,
        store: Store,
        most: int,
        counters: Counters,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._handler = handler
        self._store = store
        self._most = most
        self._counters = counters
        self._clock = clock

    async def answer(self, call: Call, settings: caching.Cache, wants: Directives) -> Reply:
        """Answer a call. Raises NotCached where only kept vectors are wanted and one is missing."""
        inputs = read_inputs(call.body)
        if not inputs:
            return await self._handler(call)
        keys = _keys(call, inputs)
        known = await self._known(list(dict.fromkeys(keys)), settings, wants) if wants.reads else {}
        missing = {key: written for key, written in zip(keys, inputs, strict=True) if key not in known}
        self._counters.add("cache_items", "hit", amount=len(known))
        self._counters.add("cache_items", "miss", amount=len(missing))
        if not missing:
            return self._from_cache(call, keys, known)
        call.cache = "miss" if wants.reads else "bypass"
        if wants.only_cached:
            raise NotCached("Not all of these inputs are in the cache, and the client asked for no others.")
        seconds = settings.ttl if wants.writes else 0
        if len(missing) == len(keys):
            reply = await self._handler(call)
            await self._keep(reply, keys, call.usage, seconds)
        else:
            reply = await self._partly(call, keys, known, missing, seconds)
        found = sum(key in known for key in keys)
        reply.headers += (
            (b"x-isthmus-cache", call.cache.encode()),
            (b"x-isthmus-cache-items", b"%d/%d" % (found, len(keys))),
        )
        return reply

    async def _known(self, keys: Sequence[bytes], settings: caching.Cache, wants: Directives) -> dict[bytes, Entry]:
        oldest = self._clock() - min(settings.ttl, wants.max_age)
        entries = await self._store.get_many(keys)
        return {key: entry for key, entry in zip(keys, entries, strict=True) if entry and entry.made >= oldest}

    def _from_cache(self, call: Call, keys: Sequence[bytes], known: dict[bytes, Entry]) -> Reply:
        call.cache = "hit"
        call.usage = Usage()
        first = known[keys[0]]
        body = write_vectors([known[key].body for key in keys], _model_of(first), 0)
        age = max(0.0, self._clock() - min(entry.made for entry in known.values()))
        headers = [
            (b"x-request-id", call.request_id),
            *(header for header in first.headers if header[0] != _MODEL),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-isthmus-cache", b"hit"),
            (b"x-isthmus-cache-items", b"%d/%d" % (len(keys), len(keys))),
            (b"age", b"%d" % age),
        ]
        return Reply(200, headers, body)

    async def _partly(
        self, call: Call, keys: Sequence[bytes], known: dict[bytes, Entry], missing: dict[bytes, bytes], seconds: float
    ) -> Reply:
        """Ask for what is missing, and put it between what is known."""
        whole = call.body
        call.body = _with_inputs(whole, list(missing.values()))
        call.fingerprint = None
        try:
            reply = await self._handler(call)
        finally:
            call.body = whole
            call.fingerprint = None
        read = await self._keep(reply, list(missing), call.usage, seconds)
        if read is None:
            raise UpstreamError("The provider's answer does not have one embedding for each input.")
        fresh, model = read
        vectors = {key: entry.body for key, entry in known.items()} | dict(zip(missing, fresh, strict=True))
        tokens = call.usage.prompt_tokens if call.usage is not None else 0
        body = write_vectors([vectors[key] for key in keys], model, tokens)
        headers = [header for header in reply.headers if header[0] != b"content-length"]
        return Reply(reply.status, [*headers, (b"content-length", b"%d" % len(body))], body)

    async def _keep(
        self, reply: Reply, keys: Sequence[bytes], usage: Usage | None, seconds: float
    ) -> tuple[list[bytes], bytes] | None:
        """Keep each vector of an answer; give them and their model, None where they do not fit the inputs."""
        if len(reply.body) < _IN_THREAD_AT:
            read = read_vectors(reply.body)
        else:
            read = await asyncio.to_thread(read_vectors, reply.body)
        if read is None or len(read[0]) != len(keys):
            return None
        vectors, model = read
        if seconds:
            headers = (*kept_headers(reply), (_MODEL, model))
            made = self._clock()
            for key, vector in zip(keys, vectors, strict=True):
                if len(vector) <= self._most:
                    self._store.put(key, Entry(made, vector, headers, None), seconds)
        return read


_MODEL = b":model"
"""Where an entry has the model that the answer named; no header is called so."""


def _model_of(entry: Entry) -> bytes:
    return next((value for name, value in entry.headers if name == _MODEL), b"null")


def _keys(call: Call, inputs: Sequence[bytes]) -> list[bytes]:
    """A digest for each input, over everything else of the request too."""
    rest = {name: value for name, value in call.body.fields.items() if name != "input"}
    around = digest(call, rest)
    return [hashlib.sha256(around + written).digest() for written in inputs]


def _with_inputs(body: Body, inputs: Sequence[bytes]) -> Body:
    other = copy(body)
    other.fields = body.fields | {"input": Raw(b"[" + b",".join(inputs) + b"]")}
    return other
