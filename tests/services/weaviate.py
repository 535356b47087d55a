"""A stand-in for a Weaviate server, which does not run here, written from the documentation of its APIs.

Collections over REST (https://docs.weaviate.io/weaviate/api/rest), objects and searches over gRPC
(https://docs.weaviate.io/weaviate/api/grpc), as the official client uses them. It keeps all in memory, compares every
vector, makes a collection that is written to and not there, as a server does unless told otherwise, and refuses what a
server refuses: a filter on a property that a collection has not, vectors of several lengths, and two collections whose
names differ in case alone.
"""

import json
import math
import struct
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from weaviate.proto.v1 import aggregate_pb2, base_pb2, batch_delete_pb2, batch_pb2, search_get_pb2, weaviate_pb2_grpc

from tests.services.redis import free_port

VERSION = "1.33.0"
_DELETED_AT_ONCE = 10
"""A server deletes no more than QUERY_MAXIMUM_RESULTS, 10,000, in one request."""

Object = dict[str, Any]
_Operator = base_pb2.Filters.Operator
_COMPARES: dict[int, Callable[[Any, Any], bool]] = {
    _Operator.OPERATOR_EQUAL: lambda found, wanted: bool(found == wanted),
    _Operator.OPERATOR_GREATER_THAN: lambda found, wanted: bool(found > wanted),
    _Operator.OPERATOR_GREATER_THAN_EQUAL: lambda found, wanted: bool(found >= wanted),
    _Operator.OPERATOR_LESS_THAN: lambda found, wanted: bool(found < wanted),
    _Operator.OPERATOR_LESS_THAN_EQUAL: lambda found, wanted: bool(found <= wanted),
}


class _Refused(Exception):
    """What a server answers with an error."""


class Collection:
    """What one holds."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.objects: dict[str, Object] = {}
        self.lock = threading.Lock()

    def all(self, filters: Any) -> list[Object]:
        """The objects that satisfy a filter."""
        with self.lock:
            return [each for each in self.objects.values() if filters is None or self._holds(filters, each)]

    def _holds(self, filters: Any, each: Object) -> bool:
        inner = (self._holds(one, each) for one in filters.filters)
        match filters.operator:
            case _Operator.OPERATOR_AND:
                return all(inner)
            case _Operator.OPERATOR_OR:
                return any(inner)
            case _Operator.OPERATOR_NOT:
                return not any(inner)
        name = filters.target.property or filters.on[0]
        known = {told["name"]: told for told in self.schema["properties"]}
        if name not in known or known[name].get("indexFilterable") is False:
            raise _Refused(f"no filter on the property {name} of {self.schema['class']}")
        found = each["properties"].get(name)
        if filters.operator == _Operator.OPERATOR_CONTAINS_ANY:
            return bool({*filters.value_text_array.values} & {*(found or ())})
        wanted = getattr(filters, filters.WhichOneof("test_value"))
        return found is not None and _COMPARES[filters.operator](found, wanted)


class WeaviateServer:
    """A stand-in at two ports. Use it as a context."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.keys: set[str] = set()
        """What was sent as a key."""
        self.failing: dict[str, bool] = {}
        """Methods of the REST API that are answered with an error, and whether what they ask is done all the same."""
        self.keeps = False
        """What is there stays as it is: writes are taken and never seen, and nothing is deleted."""
        self.port, self.grpc_port = free_port(), free_port()
        self._rest: ThreadingHTTPServer | None = None
        self._grpc: Any = None

    def __enter__(self) -> "WeaviateServer":
        """Start it."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self.stop()

    @property
    def url(self) -> str:
        """Of its REST API."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer."""
        server = self

        class Door(_Door):
            weaviate = server

        self._rest = ThreadingHTTPServer(("127.0.0.1", self.port), Door)
        self._rest.daemon_threads = True
        threading.Thread(target=self._rest.serve_forever, args=(0.02,), daemon=True).start()
        self._grpc = grpc.server(ThreadPoolExecutor(8))
        register: Any = weaviate_pb2_grpc.add_WeaviateServicer_to_server
        register(_Searches(self), self._grpc)
        self._grpc.add_insecure_port(f"127.0.0.1:{self.grpc_port}")
        self._grpc.start()

    def stop(self) -> None:
        """Be gone, and keep what was written."""
        if self._rest is not None:
            self._rest.shutdown()
            self._rest.server_close()
            self._grpc.stop(0).wait()
            self._rest = None

    def find(self, name: str) -> Collection:
        """A collection."""
        if name not in self.collections:
            raise _Refused(f"could not find class {name} in schema")
        return self.collections[name]

    def find_or_make(self, name: str) -> Collection:
        """A collection; a new one has what its first objects have, in the server's own forms.

        https://docs.weaviate.io/weaviate/config-refs/collections#auto-schema
        """
        if name not in self.collections:
            forms = {"position": "number", "facts": "text[]"}
            names = ("key", "file_id", "position", "content", "attributes", "facts", "words")
            properties = [{"name": each, "dataType": [forms.get(each, "text")]} for each in names]
            settings = {"invertedIndexConfig": {"bm25": {"k1": 1.2, "b": 0.75}}}
            self.collections[name] = Collection(_whole({"class": name, **settings, "properties": properties}))
        return self.collections[name]


class _Door(BaseHTTPRequestHandler):
    weaviate: WeaviateServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/v1/meta":
            self._answer(200, {"version": VERSION, "hostname": self.weaviate.url, "modules": {}})
        elif self.path.startswith("/v1/schema/") and self._name() in self.weaviate.collections:
            self._answer(200, self.weaviate.collections[self._name()].schema)
        else:
            self._answer(404, {"error": [{"message": "not found"}]})

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self._refuses():
            self._answer(500, {})
            return
        if self.path == "/v1/schema":
            taken = {name.lower() for name in self.weaviate.collections}
            if said["class"].lower() in taken:
                self._answer(422, {"error": [{"message": f"class name {said['class']} already exists"}]})
                return
            self.weaviate.collections[said["class"]] = Collection(_whole(said))
            self._answer(200, said)
            return
        properties = self.weaviate.find(self._name()).schema["properties"]
        if said["name"] in {each["name"] for each in properties}:
            self._answer(422, {"error": [{"message": "conflict for property"}]})
        else:
            properties.append(_defaulted(said))
            self._answer(200, said)

    def do_DELETE(self) -> None:
        if not self._refuses():
            self.weaviate.collections.pop(self._name(), None)
        self._answer(200, {})

    def _refuses(self) -> bool:
        return not self.weaviate.failing.get(self.command, True)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not a word."""

    def _name(self) -> str:
        return self.path.split("/")[3]

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        self.weaviate.keys.add(self.headers.get("authorization", ""))
        if self.command in self.weaviate.failing:
            status, said = 500, {"error": [{"message": "not now"}]}
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class _Searches(weaviate_pb2_grpc.WeaviateServicer):
    def __init__(self, server: WeaviateServer) -> None:
        self._server = server

    def BatchObjects(self, request: Any, context: Any) -> Any:  # noqa: N802 - as gRPC names it
        errors = []
        for at, each in enumerate(request.objects):
            collection = self._server.find_or_make(each.collection)
            its = {
                "id": each.uuid,
                "vector": _vector(each.vector_bytes or each.vectors[0].vector_bytes),
                "properties": _read(each.properties, collection.schema),
            }
            if self._server.keeps:
                continue
            with collection.lock:
                if {len(other["vector"]) for other in collection.objects.values()} <= {len(its["vector"])}:
                    collection.objects[each.uuid] = its
                else:
                    errors.append(batch_pb2.BatchObjectsReply.BatchError(index=at, error="vector lengths don't match"))
        return batch_pb2.BatchObjectsReply(errors=errors)

    def BatchDelete(self, request: Any, context: Any) -> Any:  # noqa: N802
        collection = self._find(request.collection, context)
        matched = collection.all(request.filters)[:_DELETED_AT_ONCE]
        gone = [] if self._server.keeps else matched
        with collection.lock:
            for each in gone:
                collection.objects.pop(each["id"], None)
        failed = len(matched) - len(gone)
        return batch_delete_pb2.BatchDeleteReply(matches=len(matched), successful=len(gone), failed=failed)

    def Aggregate(self, request: Any, context: Any) -> Any:  # noqa: N802
        collection = self._find(request.collection, context)
        count = len(collection.all(request.filters if request.HasField("filters") else None))
        return aggregate_pb2.AggregateReply(single_result=aggregate_pb2.AggregateReply.Single(objects_count=count))

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802
        collection = self._find(request.collection, context)
        try:
            found = collection.all(request.filters if request.HasField("filters") else None)
        except _Refused as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
        scored: list[tuple[float, Object]] = [(0.0, each) for each in found]
        if request.HasField("near_vector"):
            asked = _vector(request.near_vector.vector_bytes or request.near_vector.vectors[0].vector_bytes)
            scored = [(-sum(a * b for a, b in zip(asked, each["vector"], strict=True)), each) for each in found]
        elif request.HasField("bm25_search"):
            scores = _bm25(request.bm25_search.query.split(), collection)
            scored = [(-scores[each["id"]], each) for each in found if scores[each["id"]] > 0]
        scored.sort(key=lambda pair: pair[0])
        limit = request.limit or 10
        return search_get_pb2.SearchReply(results=[_result(each, score, request) for score, each in scored[:limit]])

    def _find(self, name: str, context: Any) -> Collection:
        try:
            return self._server.find(name)
        except _Refused as refused:
            context.abort(grpc.StatusCode.UNKNOWN, str(refused))
            raise


def _bm25(asked: list[str], collection: Collection) -> Counter[Any]:
    """https://docs.weaviate.io/weaviate/concepts/search/keyword-search"""
    settings = collection.schema["invertedIndexConfig"]["bm25"]
    with collection.lock:
        counts = {key: Counter(each["properties"]["words"].split()) for key, each in collection.objects.items()}
    average = sum(count.total() for count in counts.values()) / max(1, len(counts)) or 1.0
    scores: Counter[Any] = Counter()
    for word in asked:
        holding = sum(word in count for count in counts.values())
        rarity = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
        for key, count in counts.items():
            flat = settings["k1"] * (1 - settings["b"] + settings["b"] * count.total() / average)
            scores[key] += rarity * count[word] / (count[word] + flat)
    return scores


def _vector(raw: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(raw) // 4}f", raw)


def _read(properties: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """Properties as they were sent: all numbers as floats."""
    plain: dict[str, Any] = dict(properties.non_ref_properties.items())
    kinds = {each["name"]: each["dataType"][0] for each in schema["properties"]}
    assert {*plain} <= {*kinds}, "a property was not made before it was written"
    plain |= {each.prop_name: [*each.values] for each in properties.text_array_properties}
    return plain


def _result(each: Object, score: float, request: Any) -> Any:
    fields: dict[str, Any] = {}
    for name in request.properties.non_ref_properties or each["properties"]:
        value = each["properties"].get(name)
        if isinstance(value, str):
            fields[name] = {"text_value": value}
        elif isinstance(value, list):
            fields[name] = {"list_value": {"text_values": {"values": value}}}
        elif value is not None:
            fields[name] = {"int_value": int(value)} if name == "position" else {"number_value": value}
    told: dict[str, Any] = {"id": each["id"], "id_as_bytes": uuid.UUID(each["id"]).bytes}
    if request.metadata.distance:
        told |= {"distance": score, "distance_present": True}
    if request.metadata.score:
        told |= {"score": -score, "score_present": True}
    if request.metadata.vector:
        told["vector_bytes"] = struct.pack(f"<{len(each['vector'])}f", *each["vector"])
    return search_get_pb2.SearchResult(metadata=told, properties={"non_ref_props": {"fields": fields}})


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as a server gives it back, with its defaults."""
    return {
        "multiTenancyConfig": {"enabled": False},
        "replicationConfig": {"factor": 1},
        "shardingConfig": {},
        "moduleConfig": {},
        **schema,
        "properties": [_defaulted(each) for each in schema["properties"]],
    }


def _defaulted(property: dict[str, Any]) -> dict[str, Any]:
    return {"indexFilterable": True, "indexSearchable": property["dataType"][0] == "text", **property}
