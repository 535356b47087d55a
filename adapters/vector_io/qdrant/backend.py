"""Stores in a Qdrant server.

Words are a sparse vector: Qdrant knows how rare each is, what a text says for one is reckoned here when it is written,
by how long the texts of the store are then.
https://qdrant.tech/documentation/concepts/indexing/#idf-modifier
"""

import asyncio
import functools
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ParamSpec, TypeVar
from uuid import UUID, uuid5

import msgspec
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from adapters.vector_io.contract import BackendUnavailable, Chunk, Hit
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.qdrant import Options
from adapters.vector_io.qdrant.conditions import FILTER, condition, fields, text_fields
from adapters.vector_io.words import K1, B, query_words, words

_P = ParamSpec("_P")
_T = TypeVar("_T")

_IDS = UUID("3c7f7a3e-6c0c-4a0e-9c55-2f0b1f6f7a11")
"""The ids of points are made from those of chunks in this."""
_MEANING = "meaning"
_WORDS = "words"
_BATCH = 256
"""Points in one request: Qdrant takes bodies of up to 32 MB."""
_SAMPLE = 100
"""Chunks whose length is asked for, to know how long texts are in a store."""
_TEXTS = 100_000
"""Different texts of an attribute, beyond which they are not compared for order."""
_attributes = msgspec.json.Decoder(dict[str, Attribute]).decode


def _asks(method: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """What keeps the server from answering is told in one way."""

    @functools.wraps(method)
    async def asked(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await method(*args, **kwargs)
        except UnexpectedResponse as error:
            said = f"it answers {error.status_code}"
        except (ApiException, QdrantException, OSError) as error:
            said = f"it can't be reached ({type(error).__name__})"
        backend: Any = args[0]
        raise BackendUnavailable(f"The vector backend {backend.name} (Qdrant) fails: {said}.")

    return asked


class Qdrant:
    """A backend. See contract.py."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._options = options
        self._client = AsyncQdrantClient(
            url=options.url,
            api_key=options.api_key,
            timeout=max(1, round(options.timeout_seconds)),
            check_compatibility=False,
        )
        self._indexed: set[tuple[str, str]] = set()

    @_asks
    async def start(self) -> None:
        """Reach it."""
        await self._client.get_collections()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    @_asks
    async def create(self, store: str, dimensions: int) -> None:
        """Make a collection. Several gateways may do that at once."""
        if await self._client.collection_exists(self._name(store)):
            return
        vectors = models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
        try:
            await self._client.create_collection(
                self._name(store),
                vectors_config={_MEANING: vectors},
                sparse_vectors_config={_WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                replication_factor=self._options.replicas,
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:
                raise
        await self._client.create_payload_index(
            self._name(store), "file_id", field_schema=models.PayloadSchemaType.KEYWORD, wait=True
        )

    @_asks
    async def drop(self, store: str) -> None:
        """Delete a collection."""
        self._indexed = {known for known in self._indexed if known[0] != store}
        await self._client.delete_collection(self._name(store))

    @_asks
    async def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put points in."""
        last = list({chunk.id: chunk for chunk in chunks}.values())
        for at in range(0, len(last), _BATCH):
            await self._write(store, last[at : at + _BATCH])

    async def _write(self, store: str, chunks: Sequence[Chunk]) -> None:
        await self._index(store, [chunk.attributes for chunk in chunks])
        lengths = await self._lengths(store)
        points = await asyncio.to_thread(_points, chunks, lengths)
        await self._client.upsert(self._name(store), points, wait=True)

    async def _lengths(self, store: str) -> list[int]:
        """How long some texts of a store are, in words."""
        sample = models.SampleQuery(sample=models.Sample.RANDOM)
        found = await self._client.query_points(self._name(store), query=sample, limit=_SAMPLE, with_payload=["length"])
        return [int((point.payload or {})["length"]) for point in found.points]

    async def _index(self, store: str, described: Collection[Mapping[str, Attribute]]) -> None:
        """Texts are listed from an index of theirs. Those that are made already cost the server nothing."""
        for path in set().union(*(text_fields(attributes) for attributes in described)):
            if (store, path) not in self._indexed:
                await self._client.create_payload_index(
                    self._name(store), path, field_schema=models.PayloadSchemaType.KEYWORD, wait=True
                )
                self._indexed.add((store, path))

    @_asks
    async def remove(self, store: str, file_id: str) -> None:
        """Delete the points of a file."""
        gone = self._client.delete(self._name(store), models.FilterSelector(filter=_of(file_id)), wait=True)
        await _where_there_is_one(gone, None)

    @_asks
    async def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Replace the attributes in the payloads of a file."""
        if await self._count(store, file_id):
            await self._index(store, [attributes])
            selector = models.FilterSelector(filter=_of(file_id))
            await self._client.set_payload(self._name(store), _described(attributes), points=selector, wait=True)

    @_asks
    async def count(self, store: str, file_id: str | None = None) -> int:
        """How many points are there."""
        return await self._count(store, file_id)

    async def _count(self, store: str, file_id: str | None) -> int:
        wanted = None if file_id is None else _of(file_id)
        counting = self._client.count(self._name(store), count_filter=wanted, exact=True)
        found = await _where_there_is_one(counting, models.CountResult(count=0))
        return found.count

    @_asks
    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The points nearest by the cosine."""
        return await self._search(store, array("f", vector).tolist(), _MEANING, limit, filter)

    @_asks
    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The points whose words are wanted, each weighed by how rare it is."""
        wanted = query_words(text)
        if not wanted:
            return []
        question = models.SparseVector(indices=[_number(word) for word in wanted], values=[1.0] * len(wanted))
        return await self._search(store, question, _WORDS, limit, filter)

    async def _search(
        self, store: str, question: list[float] | models.SparseVector, using: str, limit: int, filter: Filter | None
    ) -> list[Hit]:
        async def ask() -> list[models.ScoredPoint]:
            wanted = None
            if filter is not None:
                wanted = models.Filter(must=[await condition(filter, functools.partial(self._texts, store))])
            found = await self._client.query_points(
                self._name(store), query=question, using=using, query_filter=wanted, limit=limit, with_payload=_SHOWN
            )
            return found.points

        return [_hit(point) for point in await _where_there_is_one(ask(), [])]

    async def _texts(self, store: str, path: str) -> list[str]:
        """The different texts of an attribute: none where no chunk was ever written with one."""
        try:
            found = await self._client.facet(self._name(store), path, limit=_TEXTS, exact=True)
        except UnexpectedResponse as error:
            if error.status_code == 400:  # there is no index of it
                return []
            raise
        if len(found.hits) == _TEXTS:
            raise BackendUnavailable(
                f"The vector backend {self.name} (Qdrant) compares up to {_TEXTS} different texts of an attribute."
            )
        return [str(hit.value) for hit in found.hits]

    def _name(self, store: str) -> str:
        return f"{self._options.prefix}{store}"


_SHOWN = ["id", "file_id", "index", "text", "attributes"]


async def _where_there_is_one(asking: Awaitable[_T], otherwise: _T) -> _T:
    """The answer, or another where there is no such collection."""
    try:
        return await asking
    except UnexpectedResponse as error:
        if error.status_code == 404:
            return otherwise
        raise


def _points(chunks: Sequence[Chunk], lengths: list[int]) -> list[models.PointStruct]:
    """Those of chunks, whose texts are as long as these and `lengths` together on the average."""
    counts = [Counter(words(chunk.text)) for chunk in chunks]
    known = [*lengths, *(count.total() for count in counts)]
    average = sum(known) / len(known) or 1.0
    return [_point(chunk, count, average) for chunk, count in zip(chunks, counts, strict=True)]


def _point(chunk: Chunk, count: Counter[str], average: float) -> models.PointStruct:
    longer = K1 * (1 - B + B * count.total() / average)
    said: Counter[int] = Counter()
    for word, often in count.items():
        said[_number(word)] += often
    weights = models.SparseVector(
        indices=list(said), values=[often * (K1 + 1) / (often + longer) for often in said.values()]
    )
    payload = {
        "id": chunk.id,
        "file_id": chunk.file_id,
        "index": chunk.index,
        "text": chunk.text,
        "length": count.total(),
        **_described(chunk.attributes),
    }
    vectors: Any = {_MEANING: array("f", chunk.vector).tolist(), _WORDS: weights}
    return models.PointStruct(id=str(uuid5(_IDS, chunk.id)), vector=vectors, payload=payload)


def _described(attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    """Attributes as they come back, and as they are searched."""
    return {"attributes": msgspec.json.encode(attributes).decode(), FILTER: fields(attributes)}


def _hit(point: models.ScoredPoint) -> Hit:
    found: dict[str, Any] = point.payload or {}
    attributes = _attributes(found["attributes"])
    return Hit(found["id"], found["file_id"], found["index"], found["text"], point.score, attributes)


def _of(file_id: str) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="file_id", match=models.MatchValue(value=file_id))])


def _number(word: str) -> int:
    """A word's place in sparse vectors. Of a million words some hundred share theirs with another."""
    return int.from_bytes(blake2b(word.encode(), digest_size=4).digest())
