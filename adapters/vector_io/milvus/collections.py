"""What is asked of Milvus, in calls that block: a collection for each store, and a row for each chunk."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy
from pymilvus import DataType, Function, FunctionType, MilvusClient, MilvusException

from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.facts import facts, hashed
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.milvus.expressions import expression, numbers, texts
from adapters.vector_io.words import K1, B, query_words, words

logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it writes a traceback for each error that it raises

_NO_CONNECTION = 2
_NO_COLLECTION = 100
_NOT_LOADED = 101
"""https://github.com/milvus-io/milvus/blob/master/pkg/util/merr/errors.go"""
_OTHERS_SECONDS = 2.0
"""How long others may take for what they are at: Milvus Lite refuses whoever comes meanwhile."""
_ROWS = 128
"""In one request, which may have 64 MB."""
_LONGEST = 65_535
"""Bytes of a VARCHAR."""
_PIECE = _LONGEST // 4
"""Characters that surely fit into one."""
_WORD = re.compile(r"\w+")
_SHOWN_CHARACTERS = 200
_SHOWN = ["file_id", "position", "text", "attributes"]
_KEPT = [*_SHOWN, "file", "vector", "words", "facts", "numbers", "texts"]


def _becomes(is_so: Callable[[], bool]) -> bool:
    """Whether others are about to make it so."""
    deadline = time.monotonic() + _OTHERS_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Collections:
    """A connection. All raise MilvusException."""

    def __init__(self, timeout: float, **place: str) -> None:
        self._timeout = timeout
        self._client = MilvusClient(**place, timeout=timeout)
        is_lite = "lite" in self._client.get_server_version(timeout=timeout)
        # Milvus Lite knows no analyzer that splits at spaces, but its standard one does no harm to what `_terms` gives.
        self._analyzer = {"tokenizer": "standard" if is_lite else "whitespace"}

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def create(self, store: str, dimensions: int) -> None:
        """Make what is missing of a collection: whoever made it may have died over it."""
        name = collection(store)
        schema = self._schema(dimensions)
        self._make(
            lambda: self._client.has_collection(name, timeout=self._timeout),
            lambda: self._client.create_collection(
                name, schema=schema, consistency_level="Strong", timeout=self._timeout
            ),
        )
        for field, index in _indexes().items():
            wanted = self._client.prepare_index_params()
            wanted.add_index(field, index_name=field, **index)
            # Told to wait, the client sleeps half a second before it looks; loading waits for what has rows.
            self._make(
                partial(self._has_index, name, field),
                partial(self._client.create_index, name, wanted, timeout=self._timeout, sync=False),
            )
        self._client.load_collection(name, timeout=self._timeout)

    def drop(self, store: str) -> None:
        """Remove a collection."""
        name = collection(store)
        self._make(
            lambda: not self._client.has_collection(name, timeout=self._timeout),
            lambda: self._client.drop_collection(name, timeout=self._timeout),
        )

    def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in. Raises MilvusException where the collection is not there."""
        rows = list({chunk.id: chunk for chunk in chunks}.values())
        for at in range(0, len(rows), _ROWS):
            self._client.upsert(collection(store), [*map(_row, rows[at : at + _ROWS])], timeout=self._timeout)

    def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out."""
        self._loaded(store, lambda name: self._client.delete(name, filter=_of_file(file_id), timeout=self._timeout))

    def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Write a file's chunks again with these attributes."""
        name, found = collection(store), self._query(store, _of_file(file_id), "id")
        ids = [str(row["id"]) for row in found]
        for at in range(0, len(ids), _ROWS):
            rows = self._client.get(name, ids[at : at + _ROWS], output_fields=_KEPT, timeout=self._timeout)
            changed = [{**_plain(row), **_described(attributes)} for row in rows]
            if changed:  # whoever takes the file out at this moment leaves none
                self._client.upsert(name, changed, timeout=self._timeout)

    def count(self, store: str, file_id: str | None) -> int:
        """How many chunks are there."""
        (found,) = self._query(store, "" if file_id is None else _of_file(file_id), "count(*)")
        return int(found["count(*)"])

    def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks nearest to a vector."""
        asked = numpy.frombuffer(vector, "<f4")
        breadth = {"ef": max(2 * limit, 400)}
        return self._search(store, "vector", asked, limit, filter, {"metric_type": "IP", "params": breadth})

    def matching(self, store: str, text: str, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks that share words with a text."""
        asked = _terms(query_words(text))
        return self._search(store, "sparse", asked, limit, filter, {"metric_type": "BM25"}) if asked else []

    def _search(
        self, store: str, field: str, asked: Any, limit: int, filter: Filter | None, parameters: dict[str, Any]
    ) -> list[Hit]:
        (found,) = self._loaded(
            store,
            lambda name: self._client.search(
                name,
                data=[asked],
                anns_field=field,
                limit=limit,
                filter=expression(filter),
                output_fields=_SHOWN,
                search_params=parameters,
                timeout=self._timeout,
            ),
        )
        hits = [_hit(each, field) for each in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def _query(self, store: str, filter: str, field: str) -> Any:
        return self._loaded(
            store, lambda name: self._client.query(name, filter=filter, output_fields=[field], timeout=self._timeout)
        )

    def _loaded(self, store: str, ask: Callable[[str], Any]) -> Any:
        """Ask of a collection; where it is only on disk, as all are when Milvus Lite has started, load it before."""
        name = collection(store)
        try:
            return ask(name)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        self._client.load_collection(name, timeout=self._timeout)
        return ask(name)

    def _has_index(self, name: str, field: str) -> bool:
        return field in self._client.list_indexes(name, timeout=self._timeout)

    def _make(self, is_so: Callable[[], bool], make_so: Callable[[], None]) -> None:
        """Do what others may do at the same moment."""
        if is_so():
            return
        try:
            make_so()
        except MilvusException:
            if not _becomes(is_so):
                raise

    def _schema(self, dimensions: int) -> Any:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=256)
        schema.add_field("file", DataType.VARCHAR, max_length=32)
        schema.add_field("file_id", DataType.VARCHAR, max_length=1_024)
        schema.add_field("position", DataType.INT64)
        schema.add_field("text", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4_096, max_length=_LONGEST)
        schema.add_field("attributes", DataType.JSON)
        schema.add_field("facts", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=64, max_length=32)
        schema.add_field("numbers", DataType.JSON)
        schema.add_field("texts", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        schema.add_field(
            "words", DataType.VARCHAR, max_length=_LONGEST, enable_analyzer=True, analyzer_params=self._analyzer
        )
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["words"], ["sparse"]))
        return schema


def collection(store: str) -> str:
    """The name of a store's collection, which may have letters, digits and underscores."""
    return "isthmus_" + store.replace("_", "__").replace("-", "_h")


def reason(error: MilvusException) -> str:
    """What went wrong, without where the server is."""
    if error.code == _NO_CONNECTION:
        return "Milvus can't be reached"
    return f"Milvus answers: {error.message[:_SHOWN_CHARACTERS]}"


def means_missing(error: MilvusException) -> bool:
    """Whether a store is not there."""
    return bool(error.code == _NO_COLLECTION)


def _indexes() -> dict[str, dict[str, Any]]:
    """Vectors have the length 1, so the inner product is their cosine.

    The client takes `params` apart, and Milvus Lite wants them together, as older clients sent them.
    """
    dense, sparse = {"M": 16, "efConstruction": 200}, {"bm25_k1": K1, "bm25_b": B}
    return {
        "vector": {"index_type": "HNSW", "metric_type": "IP", "params": {"params": dense}},
        "sparse": {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25", "params": {"params": sparse}},
    }


def _of_file(file_id: str) -> str:
    return f'file == "{hashed("f", file_id)}"'


def _row(chunk: Chunk) -> dict[str, Any]:
    text = chunk.text
    return {
        "id": chunk.id,
        "file": hashed("f", chunk.file_id),
        "file_id": chunk.file_id,
        "position": chunk.index,
        "text": [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)],
        "vector": numpy.frombuffer(chunk.vector, "<f4"),
        "words": _terms(words(text)),
        **_described(chunk.attributes),
    }


def _described(attributes: dict[str, Attribute]) -> dict[str, Any]:
    return {
        "attributes": [[key, value] for key, value in attributes.items()],
        "facts": facts(attributes),
        "numbers": numbers(attributes),
        "texts": texts(attributes),
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if name in ("text", "facts") else value for name, value in row.items()}


def _terms(found: Sequence[str]) -> str:
    """Words as an analyzer of Milvus leaves them; those of a very long text that don't fit are not searched."""
    said = " ".join(_whole(found))
    if len(said.encode()) <= _LONGEST:
        return said
    return said.encode()[:_LONGEST].decode(errors="ignore").rpartition(" ")[0]


def _whole(found: Sequence[str]) -> Iterator[str]:
    for word in found:
        yield word if _WORD.fullmatch(word) and word == word.lower() else f"x{hashed('w', word)}"


def _hit(found: Any, field: str) -> Hit:
    entity = found["entity"]
    attributes = {key: value if isinstance(value, bool | str) else float(value) for key, value in entity["attributes"]}
    distance = float(found["distance"])
    score = abs(distance) if field == "sparse" else distance  # Milvus Lite gives BM25 with the sign of a distance
    return Hit(str(found["id"]), entity["file_id"], int(entity["position"]), "".join(entity["text"]), score, attributes)
