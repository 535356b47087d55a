"""`python -m benchmarks.retrieval.latency`: what the gateway adds to a search, over its backend called directly.

One gateway takes Python's language reference into its embedded backend. It keeps the answers of its embedding route,
so that a query's vector is known and no model is waited for; what it takes to ask its own route counts as its own.
Each query is then searched through the gateway, over HTTP on a connection that is kept, and in the same file by the
same backend in this process, in turns, so that both meet the same machine. Added is the difference of the two, in the
round in which the backend alone was quickest: when the machine had least else to do.
"""

import argparse
import asyncio
import base64
import json
import math
import socket
import statistics
import sys
import tempfile
import time
from array import array
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.registry import open_backend
from benchmarks.report import table
from config.vector_stores import EMBEDDED, Search
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream

_DIMENSIONS = 384
_MOST_MS = 1.5
_WANTED = 10
"""Results, unless a client says otherwise."""
_CHUNKING = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}
_WAYS = {"keyword": (0, 1), "vector": (1, 0), "hybrid": (1, 1)}


class Line:
    """A connection that is kept: a client that costs next to nothing."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._path = parts.path
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, asked: Any) -> Any:
        """The answer to one request, which must be a good one of known length."""
        body = json.dumps(asked).encode()
        head = f"POST {self._path}{path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        told, _, answer = self._read(b"", b"\r\n\r\n").partition(b"\r\n\r\n")
        lines = told.decode("latin-1").lower().split("\r\n")
        length = int(next(line for line in lines if line.startswith("content-length:")).partition(":")[2])
        while len(answer) < length:
            answer += self._socket.recv(65_536)
        if " 200 " not in lines[0]:
            raise SystemExit(f"{path}: {lines[0]} {answer[:500]!r}")
        return json.loads(answer)

    def _read(self, data: bytes, end: bytes) -> bytes:
        while end not in data:
            data += self._socket.recv(65_536)
        return data


def main() -> int:
    """The exit status: 1 where the gateway adds too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of all queries, each way; default: %(default)s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Upstream() as upstream, _gateway(upstream, Path(name)) as gateway:
        store, chunks = _take_in(httpx.Client(base_url=gateway.base_url, timeout=120))
        folder = Path(name) / "state" / "vectors"
        return asyncio.run(_measure(gateway.base_url, folder, store, chunks, options.rounds))


def _gateway(upstream: Upstream, folder: Path) -> GatewayProcess:
    config = {
        "server": {"port": 0},
        "providers": {"scripted": {"base_url": upstream.base_url}},
        "state": {"records": {"folder": str(folder / "state")}},
        "files": {},
        "models": {"embed": {"deployments": [{"provider": "scripted", "model": "embedder"}], "cache": {"ttl": 3_600}}},
        "vector_stores": {"embedding": {"model": "embed", "dimensions": _DIMENSIONS}},
    }
    return GatewayProcess(config, folder)


def _take_in(client: httpx.Client) -> tuple[str, int]:
    """A store with the whole reference, and about how many chunks it has."""
    files = []
    for text in topics.values():
        sent = {"file": ("topic.txt", text.encode())}
        answer = client.post("/files", data={"purpose": "assistants"}, files=sent).raise_for_status()
        files.append(answer.json()["id"])
    asked = {"file_ids": files, "chunking_strategy": {"type": "static", "static": _CHUNKING}}
    store = client.post("/vector_stores", json=asked).raise_for_status().json()
    while store["status"] == "in_progress":
        time.sleep(0.1)
        store = client.get(f"/vector_stores/{store['id']}").raise_for_status().json()
    if store["file_counts"]["completed"] != len(files):
        raise SystemExit(f"Not every file was taken in: {store['file_counts']}")
    return str(store["id"]), sum(map(len, topics.values())) // 320


async def _measure(gateway: str, folder: Path, store: str, chunks: int, rounds: int) -> int:
    name, settings = next(iter(EMBEDDED.items()))
    backend = open_backend(name, settings, folder / name)
    await backend.start()
    line = Line(gateway)
    vectors = {query: _vector(line, query) for query in _queries()}
    rows, is_good = [], True
    for way, weights in _WAYS.items():
        told = [await _round(line, backend, store, vectors, weights) for _ in range(rounds + 1)]
        whole, alone, added = min(told[1:], key=lambda each: each[1])
        rows.append([way, f"{whole:.2f}", f"{alone:.2f}", f"{added:.2f}"])
        is_good = is_good and added <= _MOST_MS
    await backend.close()
    print(f"{len(vectors)} searches a round in about {chunks} chunks, milliseconds (p50 of the quietest of {rounds})\n")
    print(table(["search", "through the gateway", "backend alone", "added"], rows))
    print(f"\nThe gateway adds {'no more than' if is_good else 'MORE than'} {_MOST_MS} ms.")
    return 0 if is_good else 1


async def _round(
    line: Line, backend: VectorBackend, store: str, vectors: dict[str, bytes], weights: tuple[int, int]
) -> tuple[float, float, float]:
    """Medians in milliseconds: through the gateway, directly, and of the differences."""
    pairs = []
    for query, vector in vectors.items():
        through = _search(line, store, query, weights)
        pairs.append((through * 1_000, await _directly(backend, store, query, vector, weights) * 1_000))
    differences = [through - direct for through, direct in pairs]
    return (*map(statistics.median, zip(*pairs, strict=True)), statistics.median(differences))


def _queries() -> list[str]:
    """The headings of the reference."""
    return list(dict.fromkeys(text.strip().splitlines()[0] for text in topics.values()))


def _search(line: Line, store: str, query: str, weights: tuple[int, int]) -> float:
    """Seconds for a search through the gateway."""
    told = dict(zip(("embedding_weight", "text_weight"), weights, strict=True))
    asked = {"query": query, "ranking_options": {"hybrid_search": told}}
    began = time.perf_counter()
    line.post(f"/vector_stores/{store}/search", asked)
    return time.perf_counter() - began


def _vector(line: Line, query: str) -> bytes:
    """A query's vector. The gateway keeps it, asked as its own search asks."""
    asked = {"model": "embed", "input": [query], "encoding_format": "base64", "dimensions": _DIMENSIONS}
    answer = line.post("/embeddings", asked)
    numbers = array("f", base64.b64decode(answer["data"][0]["embedding"]))
    length = math.hypot(*numbers)
    return array("f", [number / length for number in numbers]).tobytes()


async def _directly(backend: VectorBackend, store: str, query: str, vector: bytes, weights: tuple[int, int]) -> float:
    """Seconds for the searches of the backend that the gateway makes."""
    limit = Search().candidates if all(weights) else _WANTED
    began = time.perf_counter()
    near = [backend.nearest(store, vector, limit)] if weights[0] else []
    matching = [backend.matching(store, query, limit)] if weights[1] else []
    await asyncio.gather(*near, *matching)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
