"""Vectors as models answer them, made into what vector databases take."""

import base64
import math
import sys
from array import array

import msgspec

from adapters.wire.embeddings import read_vectors
from adapters.wire.errors import UpstreamError
from gateway.ingest.contract import FileRefused

_NEAR_ONE = 1e-5

_vector = msgspec.json.Decoder(str | list[float]).decode


def read_answer(answer: bytes, count: int) -> list[bytes]:
    """The vectors of an answer. Raises UpstreamError on one that is none, or has another number of them."""
    read = read_vectors(answer)
    if read is None or len(read[0]) != count:
        raise UpstreamError("The answer does not have one vector for each text.")
    try:
        return [_of_length_one(_vector(vector)) for vector in read[0]]
    except (ValueError, OverflowError, msgspec.DecodeError):
        raise UpstreamError("The answer has a vector that is none.") from None


def _of_length_one(vector: str | list[float]) -> bytes:
    """A vector as bytes. Raises ValueError on what is no finite vector."""
    numbers = array("f")
    if isinstance(vector, str):
        numbers.frombytes(base64.b64decode(vector, validate=True))
        if sys.byteorder == "big":
            numbers.byteswap()
    else:
        numbers.extend(vector)
    length = math.hypot(*numbers)
    if not numbers or not math.isfinite(length):
        raise ValueError("no vector")
    if length and abs(length - 1) > _NEAR_ONE:
        numbers = array("f", [number / length for number in numbers])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def check(vectors: list[bytes], model: str, dimensions: int | None) -> None:
    """Raise FileRefused where vectors do not fit into a store."""
    found = {len(vector) // 4 for vector in vectors}
    wanted = {dimensions} if dimensions is not None else found
    if found != wanted or len(found) != 1:
        told = ", ".join(map(str, sorted(found)))
        message = f"The vectors of '{model}' have {told} dimensions, and those of the store {dimensions or 'one size'}."
        raise FileRefused("server_error", message)
