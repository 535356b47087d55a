"""A stand-in of a Qdrant server: its HTTP API over the engine that its official client has for tests.

What the real one does otherwise: it searches a graph and not every point, and keeps what it is told.
https://api.qdrant.tech/api-reference
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel
from qdrant_client import QdrantClient, models

API_KEY = "the-key-of-the-server"


class NoSuchCollection(Exception):
    """404."""


class Refused(Exception):
    """A status and what is said."""


class QdrantServer:
    """Collections in memory. They stay while the server is away."""

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        self._lock = threading.Lock()
        self._indexes: set[tuple[str, str]] = set()
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        server = self

        class Handler(_Handler):
            engine = server

        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def answer(self, method: str, path: list[str], body: Any) -> Any:
        """The `result` of a request. Raises NoSuchCollection and Refused."""
        with self._lock:
            if path == ["collections"]:
                return self._client.get_collections()
            _, name, *rest = path
            if rest == ["exists"]:
                return {"exists": self._client.collection_exists(name)}
            if not rest:
                return self._collection(method, name, body)
            if not self._client.collection_exists(name):
                raise NoSuchCollection(name)
            return self._points(name, "/".join(rest), body)

    def _collection(self, method: str, name: str, body: Any) -> bool:
        if method == "DELETE":
            self._indexes = {known for known in self._indexes if known[0] != name}
            return self._client.delete_collection(name)
        if self._client.collection_exists(name):
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        wanted = models.CreateCollection.model_validate(body)
        return self._client.create_collection(
            name, vectors_config=wanted.vectors, sparse_vectors_config=wanted.sparse_vectors
        )

    def _points(self, name: str, action: str, body: Any) -> Any:
        done = models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)
        match action:
            case "index":
                self._indexes.add((name, models.CreateFieldIndex.model_validate(body).field_name))
            case "points":
                self._client.upsert(name, models.PointsList.model_validate(body).points)
            case "points/delete":
                self._client.delete(name, models.FilterSelector.model_validate(body))
            case "points/payload":
                told = models.SetPayload.model_validate(body)
                assert told.filter is not None
                self._client.set_payload(name, told.payload, points=models.FilterSelector(filter=told.filter))
            case "points/count":
                counted = models.CountRequest.model_validate(body)
                return self._client.count(name, count_filter=counted.filter, exact=True)
            case "points/query":
                asked = models.QueryRequest.model_validate(body)
                return self._client.query_points(
                    name,
                    query=asked.query,
                    using=asked.using,
                    query_filter=asked.filter,
                    limit=asked.limit or 10,
                    with_payload=asked.with_payload if asked.with_payload is not None else False,
                )
            case "facet":
                facet = models.FacetRequest.model_validate(body)
                if (name, facet.key) not in self._indexes:
                    raise Refused(400, f"Bad request: Index required but not found for `{facet.key}`")
                return self._client.facet(name, facet.key, limit=facet.limit or 10, exact=True)
            case _:
                raise Refused(404, "no such path")
        return done


class _Handler(BaseHTTPRequestHandler):
    engine: QdrantServer
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or "null")
        if self.headers.get("api-key") != API_KEY:
            return self._reply(401, {"status": {"error": "Must provide an API key"}, "time": 0.0})
        path = self.path.partition("?")[0].strip("/").split("/")
        try:
            result = self.engine.answer(self.command, path, body)
        except NoSuchCollection as error:
            told = {"error": f"Not found: Collection `{error}` doesn't exist!"}
            return self._reply(404, {"status": told, "time": 0.0})
        except Refused as error:
            return self._reply(error.args[0], {"status": {"error": error.args[1]}, "time": 0.0})
        if isinstance(result, BaseModel):
            result = result.model_dump(mode="json")
        return self._reply(200, {"result": result, "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def _reply(self, status: int, body: Any) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""
