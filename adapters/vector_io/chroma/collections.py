"""What is asked of Chroma, in calls that block: a collection for each store, and a record for each chunk.

A record's document holds the chunk's words, which Chroma's index of texts finds; the text itself is in the metadata,
and the number of words is the record's `uri`, since that can be read of many records without their texts.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy
from chromadb.api import ClientAPI
from chromadb.errors import ChromaError, NotFoundError

from adapters.vector_io.chroma.conditions import FILE, facts, is_fact, where
from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.facts import hashed
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.words import K1, B, query_words, words

_T = TypeVar("_T")

_RECORDS = 256
"""In one request."""
_SAMPLE = 1_000
"""Chunks whose mean length stands for that of all."""
_HOLDING = 20_000
"""Chunks of one word that are looked at."""
_SCORED = 500
"""Chunks, at least, whose words are counted."""
_PLAIN = re.compile(r"[a-z0-9]+")
_INDEX: Any = {"hnsw": {"space": "ip", "ef_construction": 200, "ef_search": 500, "max_neighbors": 16}}
"""Vectors have the length 1, so the inner product is their cosine."""


class Collections:
    """A connection."""

    def __init__(self, client: ClientAPI) -> None:
        self._client = client
        self._known: dict[str, Any] = {}

    def close(self) -> None:
        """Let go of it."""
        self._client.close()  # type: ignore[attr-defined] # both kinds of client have it

    def create(self, store: str, dimensions: int) -> None:
        """Make a collection; its dimensions are those of the first vector."""
        try:
            self._client.get_or_create_collection(_name(store), embedding_function=None, configuration=_INDEX)
        except ChromaError:  # somebody else was faster
            self._client.get_collection(_name(store), embedding_function=None)

    def drop(self, store: str) -> None:
        """Remove a collection."""
        self._known.pop(store, None)
        self._client.delete_collection(_name(store))

    def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in. Raises NotFoundError where the collection is not there."""
        last = list({chunk.id: chunk for chunk in chunks}.values())
        for at in range(0, len(last), _RECORDS) or [0]:
            some = last[at : at + _RECORDS]
            self._of(store, lambda found, some=some: _put(found, some))  # type: ignore[misc]

    def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        self._of(store, lambda found: found.delete(where={FILE: file_id}))

    def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Give a file's chunks these attributes."""
        self._of(store, lambda found: _describe(found, file_id, attributes))

    def count(self, store: str, file_id: str | None) -> int:
        """How many chunks are there."""
        if file_id is None:
            return int(self._of(store, lambda found: found.count()))
        return len(self._of(store, lambda found: found.get(where={FILE: file_id}, include=[]))["ids"])

    def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks nearest to a vector."""
        found = self._of(
            store,
            lambda found: found.query(
                query_embeddings=[numpy.frombuffer(vector, "<f4")],
                n_results=limit,
                where=where(filter),
                include=["metadatas", "distances"],
            ),
        )
        hits = zip(found["ids"][0], found["metadatas"][0], found["distances"][0], strict=True)
        return _sorted([_hit(key, kept, 1.0 - distance) for key, kept, distance in hits])

    def matching(self, store: str, text: str, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks that share words with a text."""
        asked = [_term(word) for word in query_words(text)]
        return self._of(store, lambda found: _match(found, asked, limit, filter)) if asked else []

    def _of(self, store: str, ask: Callable[[Any], _T]) -> _T:
        """Ask a collection, which somebody else may have made anew."""
        if store in self._known:
            try:
                return ask(self._known[store])
            except NotFoundError:
                self._known.pop(store, None)
        self._known[store] = self._client.get_collection(_name(store), embedding_function=None)
        return ask(self._known[store])


def _name(store: str) -> str:
    """A collection's, which may end neither with a hyphen nor with an underscore."""
    return f"isthmus-{store}-v1"


def _put(found: Any, chunks: Sequence[Chunk]) -> None:
    """A record that is there keeps what it is not told to forget."""
    if not chunks:
        return
    ids = [chunk.id for chunk in chunks]
    there = found.get(ids=ids, include=["metadatas"])
    before = dict(zip(there["ids"], there["metadatas"], strict=True))
    counts = [words(chunk.text) for chunk in chunks]
    found.upsert(
        ids=ids,
        embeddings=[numpy.frombuffer(chunk.vector, "<f4") for chunk in chunks],
        documents=[f" {' '.join(map(_term, said))} " for said in counts],
        uris=[str(len(said)) for said in counts],
        metadatas=[_metadata(chunk, before.get(chunk.id, {})) for chunk in chunks],
    )


def _metadata(chunk: Chunk, before: dict[str, Any]) -> dict[str, Any]:
    kept = {FILE: chunk.file_id, "position": chunk.index, "text": chunk.text}
    return {**kept, **_described(chunk.attributes, before)}


def _described(attributes: dict[str, Attribute], before: dict[str, Any]) -> dict[str, Any]:
    gone = {key: None for key in before if is_fact(key)}
    return {**gone, **facts(attributes), "attributes": msgspec.json.encode(attributes).decode()}


def _describe(found: Any, file_id: str, attributes: dict[str, Attribute]) -> None:
    there = found.get(where={FILE: file_id}, include=["metadatas"])
    changed = [_described(attributes, before) for before in there["metadatas"]]
    for at in range(0, len(changed), _RECORDS):
        found.update(ids=there["ids"][at : at + _RECORDS], metadatas=changed[at : at + _RECORDS])


def _match(found: Any, asked: list[str], limit: int, filter: Filter | None) -> list[Hit]:
    """Rank by BM25: first as if each chunk had each of its words once, then the best of those by their texts."""
    lengths: dict[str, int] = {}
    holding: dict[str, list[str]] = {}
    for word in asked:
        some = found.get(where_document=_holds(word), include=["uris"], limit=_HOLDING)
        holding[word] = some["ids"]
        lengths.update(zip(some["ids"], map(int, some["uris"]), strict=True))
    if not lengths:
        return []
    total, sample = found.count(), found.get(include=["uris"], limit=_SAMPLE)["uris"]
    average = sum(map(int, sample)) / max(1, len(sample)) or 1.0
    rarity = {word: math.log(1 + (max(0, total - len(ids)) + 0.5) / (len(ids) + 0.5)) for word, ids in holding.items()}
    rough: Counter[str] = Counter()
    for word, ids in holding.items():
        for key in ids:
            rough[key] += rarity[word]  # type: ignore[assignment] # a Counter adds floats too
    if filter is not None:
        any_word = [_holds(word) for word in asked]
        allowed = found.get(
            where=where(filter), where_document={"$or": any_word} if len(any_word) > 1 else any_word[0], include=[]
        )
        rough = Counter({key: rough[key] for key in allowed["ids"] if key in rough})
    best = [key for key, _ in rough.most_common(max(_SCORED, 2 * limit))]
    return _ranked(found, best, rarity, average, limit)


def _ranked(found: Any, best: list[str], rarity: dict[str, float], average: float, limit: int) -> list[Hit]:
    if not best:
        return []
    counted = found.get(ids=best, include=["documents"])
    scores: dict[str, float] = {}
    for key, document in zip(counted["ids"], counted["documents"], strict=True):
        count = Counter(document.split())
        flat = K1 * (1 - B + B * count.total() / average)
        scores[key] = sum(rare * count[word] * (K1 + 1) / (count[word] + flat) for word, rare in rarity.items())
    chosen = sorted(scores, key=lambda key: (-scores[key], key))[:limit]
    kept = found.get(ids=chosen, include=["metadatas"])
    return _sorted([_hit(key, each, scores[key]) for key, each in zip(kept["ids"], kept["metadatas"], strict=True)])


def _holds(word: str) -> dict[str, str]:
    return {"$contains": f" {word} "}


def _term(word: str) -> str:
    """A word in letters that an index of texts leaves as they are."""
    return word if _PLAIN.fullmatch(word) else f"x{hashed(word)}"


def _hit(key: str, kept: dict[str, Any], score: float) -> Hit:
    attributes = {
        name: value if isinstance(value, bool | str) else float(value)
        for name, value in msgspec.json.decode(kept["attributes"]).items()
    }
    return Hit(key, kept[FILE], int(kept["position"]), kept["text"], float(score), attributes)


def _sorted(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))
