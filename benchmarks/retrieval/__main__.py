"""`python -m benchmarks.retrieval`: recall@5 and nDCG@10 of search by meaning, by words and by both.

A whole gateway with the inline embedding model and the embedded backend takes in numpy's documentation, as any client
would have it do, and is asked questions whose answers are known (documents.py). A document counts by its best chunk.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from benchmarks.report import table
from benchmarks.retrieval.documents import Question, documents, questions
from tests.gateway_process import GatewayProcess

_WAYS = {"vector": (1, 0), "keyword": (0, 1), "hybrid": None}
"""Weights of a request; those of the configuration where None."""


def main() -> int:
    """The exit status: 1 where hybrid is worse than one of the two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--misses", action="store_true", help="name the questions that hybrid does not answer in 5")
    options = parser.parse_args()
    texts = documents()
    asked = questions(texts)
    with tempfile.TemporaryDirectory() as name, _gateway(Path(name)) as gateway:
        client = httpx.Client(base_url=gateway.base_url, timeout=600)
        began = time.perf_counter()
        store, names = _take_in(client, texts)
        seconds = time.perf_counter() - began
        found = {way: [_found(client, store, names, question, way) for question in asked] for way in _WAYS}
    print(f"{len(asked)} questions, {len(texts)} documents of numpy {np.__version__}, taken in in {seconds:.0f} s\n")
    if options.misses:
        _tell_misses(asked, found["hybrid"])
    return _report(asked, found)


def _gateway(folder: Path) -> GatewayProcess:
    config = {
        "server": {"port": 0},
        "providers": {"local": {}},
        "state": {"records": {"folder": str(folder / "state")}},
        "files": {},
        "vector_stores": {},
    }
    return GatewayProcess(config, folder)


def _take_in(client: httpx.Client, texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A store with all of them, and their names by their files' ids."""

    def upload(name: str) -> tuple[str, str]:
        sent = {"file": ("document.txt", texts[name].encode())}
        answer = client.post("/files", data={"purpose": "assistants"}, files=sent).raise_for_status()
        return str(answer.json()["id"]), name

    with ThreadPoolExecutor(4) as threads:
        names = dict(threads.map(upload, texts))
    store = client.post("/vector_stores", json={"name": "numpy"}).raise_for_status().json()["id"]
    ids = list(names)
    for start in range(0, len(ids), 100):
        batch = {"file_ids": ids[start : start + 100]}
        client.post(f"/vector_stores/{store}/file_batches", json=batch).raise_for_status()
    while (counts := client.get(f"/vector_stores/{store}").raise_for_status().json()["file_counts"])["in_progress"]:
        time.sleep(0.2)
    if counts["completed"] != len(texts):
        raise SystemExit(f"Not every document was taken in: {counts}")
    return store, names


def _found(client: httpx.Client, store: str, names: Mapping[str, str], question: Question, way: str) -> list[str]:
    """Names of documents, best first."""
    asked: dict[str, object] = {"query": question.text, "max_num_results": 50}
    if weights := _WAYS[way]:
        told = dict(zip(("embedding_weight", "text_weight"), weights, strict=True))
        asked["ranking_options"] = {"hybrid_search": told}
    answer = client.post(f"/vector_stores/{store}/search", json=asked).raise_for_status()
    return list(dict.fromkeys(names[result["file_id"]] for result in answer.json()["data"]))


def recall(found: Sequence[str], question: Question, first: int = 5) -> float:
    """Which share of the answers is among the first."""
    return len(question.answers & set(found[:first])) / min(first, len(question.answers))


def ndcg(found: Sequence[str], question: Question, first: int = 10) -> float:
    """How near the answers are to the top: 1 where nothing is before them."""
    gain = sum(1 / math.log2(place + 2) for place, name in enumerate(found[:first]) if name in question.answers)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(first, len(question.answers))))


def _report(asked: Sequence[Question], found: Mapping[str, Sequence[Sequence[str]]]) -> int:
    figures = {
        way: [statistics.mean(map(measure, lists, asked)) for measure in (recall, ndcg)] for way, lists in found.items()
    }
    rows = [[way, *(f"{figure:.3f}" for figure in both)] for way, both in figures.items()]
    print(table(["search", "recall@5", "nDCG@10"], rows))
    best = [max(figures[way][measure] for way in ("vector", "keyword")) for measure in (0, 1)]
    is_good = all(mine >= theirs for mine, theirs in zip(figures["hybrid"], best, strict=True))
    print(f"\nHybrid is {'at least as good as either' if is_good else 'WORSE than one of them'}.")
    return 0 if is_good else 1


def _tell_misses(asked: Sequence[Question], found: Sequence[Sequence[str]]) -> None:
    for question, names in zip(asked, found, strict=True):
        if not question.answers & set(names[:5]):
            print(f"  {question.text} -> {', '.join(question.answers)}: {', '.join(names[:5])}")


if __name__ == "__main__":
    sys.exit(main())
