"""A store that is searched in tests, and models that answer as they are told to."""

import asyncio
import base64
import math
from array import array
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from adapters.vector_io.contract import BackendUnavailable, Hit
from adapters.vector_io.filters import Attribute, Filter, holds
from adapters.vector_io.words import bm25
from config.vector_stores import EmbeddingModel, Search, VectorStores
from gateway.auth import Caller
from gateway.auth.caller import ANYBODY
from gateway.call import Reply
from gateway.search.engine import Found, Place
from gateway.search.engine import Search as Engine
from gateway.search.question import question_of

TOPICS = ("cats", "dogs", "boats")
"""What a text is about, for the model that makes vectors: one dimension each."""


def vector(text: str) -> bytes:
    counts = [float(text.lower().count(topic)) for topic in TOPICS]
    length = math.hypot(*counts)
    return array("f", [count / length for count in counts] if length else counts).tobytes()


class Kept:
    """A backend with its chunks in a list: `texts` are `file: text`, and attributes of files."""

    def __init__(self, *texts: str, **attributes: dict[str, Attribute]) -> None:
        self.chunks: list[tuple[str, str, str, dict[str, Attribute]]] = []
        for number, line in enumerate(texts):
            file, _, text = line.partition(": ")
            self.chunks.append((f"c{number}", file, text, attributes.get(file, {})))
        self.asked: list[tuple[str, int]] = []
        self.fault: str | None = None
        self.slow: asyncio.Event | None = None
        self.is_matching = asyncio.Event()
        self.ended = 0

    async def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None = None) -> list[Hit]:
        self.asked.append(("nearest", limit))
        wanted = array("f", vector)
        return self._best([_dot(wanted, text) for _, _, text, _ in self.chunks], limit, filter, least=-2.0)

    async def matching(self, store: str, text: str, limit: int, filter: Filter | None = None) -> list[Hit]:
        self.asked.append(("matching", limit))
        self.is_matching.set()
        try:
            if self.slow is not None:
                await self.slow.wait()
        finally:
            self.ended += 1
        if self.fault is not None:
            raise BackendUnavailable(self.fault)
        return self._best(bm25(text, [text for _, _, text, _ in self.chunks]), limit, filter, least=0.0)

    def _best(self, scores: list[float], limit: int, filter: Filter | None, least: float) -> list[Hit]:
        hits = [
            Hit(chunk, file, number, text, score, attributes)
            for number, ((chunk, file, text, attributes), score) in enumerate(zip(self.chunks, scores, strict=True))
            if score > least and (filter is None or holds(filter, attributes))
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:limit]


def _dot(wanted: "array[float]", text: str) -> float:
    return sum(a * b for a, b in zip(wanted, array("f", vector(text)), strict=True))


class Models:
    """The gateway from inside: each operation is answered by a function, which may raise."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], Caller, str]] = []
        self.embeddings: Callable[[dict[str, Any]], Any] = _embedded
        self.chat: Callable[[dict[str, Any]], Any] = lambda asked: _said("")
        self.rerank: Callable[[dict[str, Any]], Any] = lambda asked: {"results": []}

    async def ask(self, operation: str, caller: Caller, body: Any, headers: Any, cause: str) -> Reply:
        asked = {name: msgspec.json.decode(value) for name, value in body.fields.items()}
        self.calls.append((operation, asked, caller, cause))
        answer = getattr(self, operation)(asked)
        return Reply(200, [], answer if isinstance(answer, bytes) else msgspec.json.encode(answer))

    @property
    def operations(self) -> list[str]:
        return [operation for operation, *_ in self.calls]


def _embedded(asked: dict[str, Any]) -> Any:
    vectors = [base64.b64encode(vector(text)).decode() for text in asked["input"]]
    return {"data": [{"index": index, "embedding": one} for index, one in enumerate(vectors)], "model": "m"}


def said(text: str) -> Callable[[dict[str, Any]], Any]:
    return lambda asked: _said(text)


def _said(text: str) -> Any:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


async def find(
    kept: Kept, models: Models, query: Any, *, names: Mapping[str, str] | None = None, dimensions: int | None = 3,
    search: Search | None = None, embedding: EmbeddingModel | None = None, **more: Any,
) -> Found:  # fmt: skip
    """Search as a client would, with these fields beside the query."""
    inside: Any = models
    backend: Any = kept

    async def named(files: Collection[str]) -> Mapping[str, str]:
        return {
            file: f"{file}.txt" if names is None else names[file] for file in files if names is None or file in names
        }

    settings = VectorStores(search=search or Search(), embedding=embedding or EmbeddingModel(model="meaning"))
    place = Place(store="vs_1", backend=backend, model="meaning", dimensions=dimensions, names=named)
    return await Engine(inside, settings).find(ANYBODY, place, question_of({"query": query, **more}))


def texts(found: Found) -> list[str]:
    return [result.content[0].text for result in found.page.data]


def scores(found: Found) -> list[float]:
    return [result.score for result in found.page.data]
