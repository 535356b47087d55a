"""Texts longer than a model takes, embedded in windows: the vector of the whole points where most of its windows do."""

import math
from array import array
from collections.abc import Sequence


def split(text: str, most: int | None) -> list[str]:
    """A text in parts of up to `most` bytes, each cut after white space where there is some in its second half."""
    data = text.encode()
    if most is None or len(data) <= most:
        return [text]
    parts = []
    start = 0
    while len(data) - start > most:
        end = _cut(data, start, start + most)
        parts.append(data[start:end].decode())
        start = end
    return [*parts, data[start:].decode()]


def mean(vectors: Sequence[bytes], parts: Sequence[str]) -> bytes:
    """The mean of vectors of length 1, each as weighty as its part is long; of length 1 too."""
    if len(vectors) == 1:
        return vectors[0]
    sums = [0.0] * (len(vectors[0]) // 4)
    for vector, part in zip(vectors, parts, strict=True):
        sums = [total + value * len(part) for total, value in zip(sums, array("f", vector), strict=True)]
    length = math.hypot(*sums) or 1.0
    return array("f", [value / length for value in sums]).tobytes()


def _cut(data: bytes, start: int, end: int) -> int:
    """Where a part ends: after the last white space, else between two characters."""
    found = max(data.rfind(space, start + (end - start) // 2, end) for space in (b" ", b"\n"))
    if found > 0:
        return found + 1
    while data[end] >> 6 == 0b10:
        end -= 1
    return end
