"""`python -m benchmarks.ingestion`: files taken into a vector store beside the embedding model asked directly.

Both embed the same pieces of Python's own language reference in the same batches, through one gateway with one inline
model, in turns. Meanwhile somebody else chats through that gateway with a provider that answers at once.
"""

import argparse
import io
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pydoc_data.topics import topics

import httpx

from benchmarks.report import table
from config.vector_stores import EmbeddingModel
from gateway.ingest.chunking import cut, tokens_of
from gateway.ingest.contract import Chunking
from tests.gateway_process import GatewayProcess
from tests.upstream import Upstream

_MODEL = EmbeddingModel(model="local/minilm")
_CHUNKING = Chunking(tokens=240, overlap=60)
"""Chunks that the model takes whole."""
_STATIC = {"max_chunk_size_tokens": _CHUNKING.tokens, "chunk_overlap_tokens": _CHUNKING.overlap}
_LEAST = 0.9
_CHAT = {"model": "scripted/talker", "messages": [{"role": "user", "content": "Hello"}]}
_CHAT_EVERY = 0.05


class Chatter:
    """Somebody who chats, and how long each answer took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._chat)
        self.milliseconds: list[float] = []

    def __enter__(self) -> "Chatter":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _chat(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._over.wait(_CHAT_EVERY):
                began = time.perf_counter()
                client.post("/chat/completions", json=_CHAT).raise_for_status()
                self.milliseconds.append((time.perf_counter() - began) * 1_000)


def main() -> int:
    """The exit status: 1 when files were taken in too slowly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--files", type=int, default=30, help="default: %(default)s")
    options = parser.parse_args()
    texts = [text.strip() for text in itertools.islice(topics.values(), options.files)]
    pieces = [[piece.text for piece in cut(tokens_of(io.StringIO(text)), _CHUNKING)] for text in texts]
    with tempfile.TemporaryDirectory() as name, Upstream() as upstream, _gateway(upstream, Path(name)) as gateway:
        client = httpx.Client(base_url=gateway.base_url, timeout=600)
        files = [_uploaded(client, text) for text in texts]
        _embed(gateway.base_url, pieces[:2])  # both have started what they need
        _take_in(client, files[:2])
        ways: dict[str, Callable[[], None]] = {
            "nothing": lambda: time.sleep(2),
            "the model asked directly": lambda: _embed(gateway.base_url, pieces),
            "files taken in": lambda: _take_in(client, files),
        }
        rounds = [{way: _measured(gateway.base_url, work) for way, work in ways.items()} for _ in range(options.rounds)]
    return _report(rounds, sum(map(len, pieces)))


def _gateway(upstream: Upstream, folder: Path) -> GatewayProcess:
    config = {
        "server": {"port": 0},
        "providers": {"local": {}, "scripted": {"base_url": upstream.base_url}},
        "state": {"records": {"folder": str(folder / "state")}},
        "files": {},
        "vector_stores": {"embedding": {"model": _MODEL.model}},
    }
    return GatewayProcess(config, folder)


def _uploaded(client: httpx.Client, text: str) -> str:
    sent = {"file": ("topic.txt", text.encode())}
    answer = client.post("/files", data={"purpose": "assistants"}, files=sent).raise_for_status()
    return str(answer.json()["id"])


def _embed(url: str, pieces: Sequence[Sequence[str]]) -> None:
    """Have the pieces of each file embedded, in the batches and as many at once as the gateway would."""
    batches = [
        of_one[start : start + _MODEL.batch] for of_one in pieces for start in range(0, len(of_one), _MODEL.batch)
    ]
    with httpx.Client(base_url=url, timeout=600) as client, ThreadPoolExecutor(_MODEL.parallel) as threads:

        def embed(batch: Sequence[str]) -> None:
            asked = {"model": _MODEL.model, "input": batch, "encoding_format": "base64"}
            client.post("/embeddings", json=asked).raise_for_status()

        list(threads.map(embed, batches))


def _take_in(client: httpx.Client, files: list[str]) -> None:
    """Have files taken into a new store; all of them are, or there is no figure."""
    asked = {"file_ids": files, "chunking_strategy": {"type": "static", "static": _STATIC}}
    store = client.post("/vector_stores", json=asked).raise_for_status().json()
    while store["status"] == "in_progress":
        time.sleep(0.05)
        store = client.get(f"/vector_stores/{store['id']}").raise_for_status().json()
    if store["file_counts"]["completed"] != len(files):
        raise SystemExit(f"Not every file was taken in: {store['file_counts']}")


def _measured(url: str, work: Callable[[], None]) -> tuple[float, list[float]]:
    """Seconds that something takes, and milliseconds of each chat meanwhile."""
    with Chatter(url) as chatter:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
    return seconds, chatter.milliseconds


def _report(rounds: Sequence[dict[str, tuple[float, list[float]]]], chunks: int) -> int:
    rows = []
    for way in rounds[0]:
        seconds = statistics.median(each[way][0] for each in rounds)
        chats = statistics.quantiles([one for each in rounds for one in each[way][1]], n=100)
        rate = "" if way == "nothing" else f"{chunks / seconds:.1f}"
        rows.append([way, rate, f"{chats[49]:.1f}", f"{chats[98]:.1f}"])
    print(table(("meanwhile", "chunks/s", "chat p50 ms", "chat p99 ms"), rows))
    ratio = statistics.median(each["the model asked directly"][0] / each["files taken in"][0] for each in rounds)
    print(f"\n{chunks} chunks; files taken in : the model asked directly = {ratio:.2f} (at least {_LEAST})")
    return ratio < _LEAST


if __name__ == "__main__":
    sys.exit(main())
