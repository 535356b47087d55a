"""Chunks for tests, and what a search must find among them."""

import math
import random
import struct
from collections.abc import Iterable, Sequence

from adapters.vector_io.contract import Chunk, Hit
from adapters.vector_io.filters import Attribute

DIMENSIONS = 8


def packed(numbers: Sequence[float]) -> bytes:
    """A vector of length 1, or of zeros."""
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return struct.pack(f"<{len(numbers)}f", *(number / length for number in numbers))


def unpacked(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def random_vector(source: random.Random) -> bytes:
    return packed([source.gauss(0, 1) for _ in range(DIMENSIONS)])


def chunk(
    id: str,
    *,
    file_id: str = "file-a",
    index: int = 0,
    text: str = "some words",
    vector: bytes | None = None,
    attributes: dict[str, Attribute] | None = None,
) -> Chunk:
    if vector is None:
        vector = random_vector(random.Random(id))
    return Chunk(id, file_id, index, text, vector, attributes or {})


def chunks_of(file_id: str, count: int, **attributes: Attribute) -> list[Chunk]:
    """The chunks of one file, each with a vector and a word of its own."""
    return [
        chunk(f"{file_id}-{at}", file_id=file_id, index=at, text=f"word{at} of {file_id}", attributes=attributes)
        for at in range(count)
    ]


def cosine(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(unpacked(one), unpacked(other), strict=True))


def ids(found: Iterable[Hit]) -> list[str]:
    return [hit.id for hit in found]
