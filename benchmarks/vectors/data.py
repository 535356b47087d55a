"""What is written and asked: vectors with the spectrum of sentence embeddings, texts with the words of a language.

Neighbours of evenly random vectors mean nothing, and every index finds them badly; those of a few tight clusters are
found by any. A few directions of sentence embeddings say much and most say little.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from adapters.vector_io.contract import Chunk

DIMENSIONS = 384
OF_FILE = 30
"""Chunks of one file."""
YEARS = 30
"""Different values of an attribute: a filter for one lets about 3 % pass."""
WANTED = 10
QUESTIONS = 200
_WORDS = 20_000
_TEXT_WORDS = 100
_QUESTION_WORDS = 3


class Data(Struct, frozen=True):
    """Chunks and questions."""

    vectors: NDArray[np.float32]
    questions: NDArray[np.float32]
    texts: NDArray[np.int64]
    """The numbers of the words of each."""
    words: NDArray[np.int64]
    """Those of each question."""

    def batches(self, size: int) -> Iterator[list[Chunk]]:
        for start in range(0, len(self.vectors), size):
            yield [self._chunk(at) for at in range(start, min(start + size, len(self.vectors)))]

    def year(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        return at // OF_FILE % YEARS

    def nearest(self, year: int | None = None) -> list[set[str]]:
        """The right answer to each question."""
        numbers = np.arange(len(self.vectors))
        among = numbers if year is None else numbers[self.year(numbers) == year]
        scores = self.questions @ self.vectors[among].T
        return [{f"c{among[at]}" for at in np.argpartition(-row, WANTED)[:WANTED]} for row in scores]

    def asked_words(self, at: int) -> str:
        return " ".join(f"w{word}" for word in self.words[at])

    def _chunk(self, at: int) -> Chunk:
        text = " ".join(f"w{word}" for word in self.texts[at])
        attributes = {"year": float(self.year(np.array(at))), "language": "en" if at % 3 else "de"}
        return Chunk(f"c{at}", f"file-{at // OF_FILE}", at % OF_FILE, text, self.vectors[at].tobytes(), attributes)


def make(count: int) -> Data:
    """The same for the same count."""
    source = np.random.default_rng(7)
    often = 1 / np.arange(10, _WORDS + 10)
    often /= often.sum()
    return Data(
        vectors=_vectors(source, count),
        questions=_vectors(source, QUESTIONS),
        texts=source.choice(_WORDS, size=(count, _TEXT_WORDS), p=often),
        words=source.integers(20, _WORDS // 4, size=(QUESTIONS, _QUESTION_WORDS)),
    )


def _vectors(source: np.random.Generator, count: int) -> NDArray[np.float32]:
    weights = 1 / np.sqrt(1 + np.arange(DIMENSIONS) / 8)
    turned, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(DIMENSIONS, DIMENSIONS)))
    rows = (source.normal(size=(count, DIMENSIONS)) * weights) @ turned
    whole: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
    return whole
