"""What is asked of Weaviate, in calls that block: a collection for each store, and an object for each chunk."""

import re
import uuid
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from grpc import RpcError, StatusCode
from weaviate.classes.config import DataType, Property, Tokenization
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter as Condition
from weaviate.classes.query import MetadataQuery
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateDeleteManyError,
    WeaviateInsertManyAllFailedError,
)

from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.facts import facts, hashed
from adapters.vector_io.filters import Attribute, Filter
from adapters.vector_io.weaviate.conditions import TEXT, condition, lacks, sizes
from adapters.vector_io.words import K1, B, query_words, words

_OBJECTS = 128
"""In one request."""
_SHOWN = ["file_id", "position", "content", "attributes"]
_UPPER = re.compile("[A-Z]")


class _Once:
    """What the client sends by. Where nobody answers it would try again for a minute; the gateway has its own times."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Any:
        send = getattr(self._stub, name)

        def send_once(*arguments: Any, **options: Any) -> Any:
            try:
                return send(*arguments, **options)
            except RpcError as error:
                if error.code() == StatusCode.UNAVAILABLE:
                    raise ConnectionError("nobody answers") from None
                raise

        return send_once


class Missing(Exception):
    """The store is not there."""


class Collections:
    """A connection. All raise WeaviateBaseError, and all but `create` raise Missing."""

    def __init__(self, client: Any) -> None:
        self._client = client
        client._connection._grpc_stub = _Once(client._connection._grpc_stub)
        self._properties: dict[str, set[str]] = {}

    def close(self) -> None:
        """Let go of it."""
        self._client.close()

    def is_there(self, store: str) -> bool:
        """Whether there is a collection."""
        return bool(self._client.collections.exists(collection(store)))

    def create(self, store: str, dimensions: int) -> None:
        """Make a collection; its dimensions are those of the first vector."""
        if not self.is_there(store):
            try:
                self._client.collections.create_from_dict(_schema(collection(store)))
            except UnexpectedStatusCodeError:  # somebody else may have been faster
                if not self.is_there(store):
                    raise

    def drop(self, store: str) -> None:
        """Remove a collection."""
        self._properties.pop(store, None)
        with self._of(store):
            self._client.collections.delete(collection(store))

    def write(self, store: str, chunks: Sequence[Chunk]) -> None:
        """Put chunks in, each in place of one with its id. A server makes what is missing as it thinks fit, unless told
        otherwise: https://docs.weaviate.io/weaviate/config-refs/collections#auto-schema
        """
        if not self.is_there(store):
            raise Missing
        last = list({chunk.id: chunk for chunk in chunks}.values())
        for name in {name for chunk in last for name in sizes(chunk.attributes)}:
            self._make_sure(store, name)
        for at in range(0, len(last), _OBJECTS):
            self._put(store, [_object(chunk) for chunk in last[at : at + _OBJECTS]])

    def remove(self, store: str, file_id: str) -> None:
        """Take a file's chunks out; the server takes some thousands at once."""
        with self._of(store) as found:
            while (gone := found.data.delete_many(_of_file(file_id))).matches:
                if not gone.successful:
                    raise WeaviateDeleteManyError("nothing of it can be deleted")

    def describe(self, store: str, file_id: str, attributes: dict[str, Attribute]) -> None:
        """Write those of a file's chunks anew that have not these attributes yet."""
        described = _described(attributes)
        for name in sizes(attributes):
            self._make_sure(store, name)
        left = Condition.all_of([_of_file(file_id), lacks(_whole(attributes))])
        done: set[str] = set()
        while found := self._some(store, left):
            if done >= (keys := {str(each.properties["key"]) for each in found}):
                return  # written, and not seen by this replica yet
            done |= keys
            kept = [{name: each.properties[name] for name in ("key", *_SHOWN, "words")} for each in found]
            self._put(
                store,
                [
                    DataObject(properties={**before, **described}, uuid=each.uuid, vector=each.vector["default"])
                    for before, each in zip(kept, found, strict=True)
                ],
            )

    def count(self, store: str, file_id: str | None) -> int:
        """How many chunks are there."""
        asked = None if file_id is None else _of_file(file_id)
        with self._of(store) as found:
            return int(found.aggregate.over_all(total_count=True, filters=asked).total_count or 0)

    def nearest(self, store: str, vector: bytes, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks nearest to a vector."""
        with self._of(store) as asked:
            found = asked.query.near_vector(
                near_vector=array("f", vector).tolist(),
                limit=limit,
                filters=condition(filter, lambda name: self._has(store, name)),
                return_metadata=MetadataQuery(distance=True),
                return_properties=["key", *_SHOWN],
            )
        return _sorted([_hit(each, -each.metadata.distance) for each in found.objects])

    def matching(self, store: str, text: str, limit: int, filter: Filter | None) -> list[Hit]:
        """The chunks that share words with a text."""
        wanted = query_words(text)
        if not wanted:
            return []
        with self._of(store) as asked:
            found = asked.query.bm25(
                query=" ".join(wanted),
                query_properties=["words"],
                limit=limit,
                filters=condition(filter, lambda name: self._has(store, name)),
                return_metadata=MetadataQuery(score=True),
                return_properties=["key", *_SHOWN],
            )
        # Weaviate leaves the factor k1 + 1 out, which changes no order.
        return _sorted([_hit(each, each.metadata.score * (K1 + 1)) for each in found.objects])

    @contextmanager
    def _of(self, store: str) -> Iterator[Any]:
        """A collection to ask. Raises Missing where what fails does because it is not there."""
        try:
            yield self._client.collections.get(collection(store))
        except WeaviateBaseError:
            if self.is_there(store):
                raise
            raise Missing from None

    def _some(self, store: str, filters: Any) -> Any:
        with self._of(store) as asked:
            return asked.query.fetch_objects(limit=_OBJECTS, filters=filters, include_vector=True).objects

    def _put(self, store: str, objects: Sequence[Any]) -> None:
        with self._of(store) as found:
            outcome = found.data.insert_many(objects)
        if outcome.has_errors:
            raise WeaviateInsertManyAllFailedError(next(iter(outcome.errors.values())).message)

    def _has(self, store: str, name: str) -> bool:
        if name not in self._properties.get(store, ()):
            with self._of(store) as found:
                told = found.config.get(simple=True)
            self._properties[store] = {each.name for each in told.properties}
        return name in self._properties[store]

    def _make_sure(self, store: str, name: str) -> None:
        if self._has(store, name):
            return
        is_text = name.startswith(TEXT)
        wanted = Property(
            name=name,
            data_type=DataType.TEXT if is_text else DataType.NUMBER,
            index_filterable=True,
            index_searchable=False if is_text else None,
            tokenization=Tokenization.FIELD if is_text else None,
        )
        try:
            with self._of(store) as found:
                found.config.add_property(wanted)
        except UnexpectedStatusCodeError:  # somebody else may have been faster
            if not self._has(store, name):
                raise


def collection(store: str) -> str:
    """The name of a store's collection: Weaviate takes names for the same that differ in case alone."""
    escaped = store.replace("_", "__").replace("-", "_h")
    return "Isthmus_" + _UPPER.sub(lambda letter: f"_u{letter[0].lower()}", escaped)


def _schema(name: str) -> dict[str, Any]:
    """Vectors have the length 1, so the inner product is their cosine."""
    plain = {"indexFilterable": False, "indexSearchable": False}
    exact = {"tokenization": "field", "indexFilterable": True, "indexSearchable": False}
    searched = {"tokenization": "whitespace", "indexFilterable": False, "indexSearchable": True}
    return {
        "class": name,
        "vectorizer": "none",
        "vectorIndexType": "hnsw",
        "vectorIndexConfig": {"distance": "dot"},
        "invertedIndexConfig": {"bm25": {"k1": K1, "b": B}, "stopwords": {"preset": "none"}},
        "properties": [
            {"name": "key", "dataType": ["text"], **plain},
            {"name": "file_id", "dataType": ["text"], **exact},
            {"name": "position", "dataType": ["int"], "indexFilterable": False},
            {"name": "content", "dataType": ["text"], **plain},
            {"name": "attributes", "dataType": ["text"], **plain},
            {"name": "facts", "dataType": ["text[]"], **exact},
            {"name": "words", "dataType": ["text"], **searched},
        ],
    }


def _of_file(file_id: str) -> Any:
    return Condition.by_property("file_id").equal(file_id)


def _object(chunk: Chunk) -> Any:
    return DataObject(
        properties={
            "key": chunk.id,
            "file_id": chunk.file_id,
            "position": chunk.index,
            "content": chunk.text,
            "words": " ".join(words(chunk.text)),
            **_described(chunk.attributes),
        },
        uuid=uuid.uuid5(uuid.NAMESPACE_OID, chunk.id),
        vector=array("f", chunk.vector).tolist(),
    )


def _described(attributes: dict[str, Attribute]) -> dict[str, Any]:
    return {
        "attributes": msgspec.json.encode(attributes).decode(),
        "facts": [*facts(attributes), _whole(attributes)],
        **sizes(attributes),
    }


def _whole(attributes: dict[str, Attribute]) -> str:
    """A fact that says what all attributes are."""
    return hashed("all", msgspec.json.encode(attributes, order="sorted").decode())


def _hit(found: Any, score: float) -> Hit:
    kept = found.properties
    attributes = {
        name: value if isinstance(value, bool | str) else float(value)
        for name, value in msgspec.json.decode(kept["attributes"]).items()
    }
    return Hit(kept["key"], kept["file_id"], int(kept["position"]), kept["content"], score, attributes)


def _sorted(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))
