"""Has the chunks of a text embedded by a model of the gateway: in batches, a few at once, again where that may help."""

import asyncio
import base64
import itertools
import math
import random
import sys
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import Body
from adapters.wire.embeddings import read_vectors
from adapters.wire.errors import GatewayError, UpstreamError
from config.vector_stores import EmbeddingModel
from gateway.auth import Caller
from gateway.ingest.contract import FileRefused, Piece, TryLater
from gateway.inside import Inside

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
"""Seconds between two tries: a longer one, where somebody says so, is not waited for here."""
_NEAR_ONE = 1e-5
_LATER = frozenset({408, 409, 425, 429})

_piece = msgspec.json.Decoder(Piece).decode
_encode = msgspec.json.Encoder().encode
_vector = msgspec.json.Decoder(str | list[float]).decode


class Embedded(Struct, frozen=True):
    """A chunk and what it means."""

    piece: Piece
    vector: bytes
    """float32, little-endian, of length 1 (or all zeros)."""


class Embedder:
    """Asks for vectors; `parallel` bounds the requests for all files of this worker together."""

    def __init__(self, inside: Inside, settings: EmbeddingModel) -> None:
        self._inside = inside
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.parallel)

    async def embed(
        self, caller: Caller, model: str, chunks: Path, dimensions: int | None, first: int = 0
    ) -> AsyncGenerator[list[Embedded], None]:
        """The chunks that `Readers.chunk` wrote, from number `first` on, in order, a batch at a time.

        The next batches are under way while one is looked at. `dimensions` are those that the store has. Close it
        (contextlib.aclosing) to have all of that end. Raises FileRefused and TryLater, after the batches before.
        """
        under_way: deque[tuple[list[Piece], asyncio.Task[list[bytes]]]] = deque()
        file = await asyncio.to_thread(chunks.open, "rb")
        try:
            await asyncio.to_thread(_skip, file, first)
            while True:
                while len(under_way) <= self._settings.parallel:
                    pieces = await asyncio.to_thread(_read, file, self._settings.batch)
                    if not pieces:
                        break
                    asked = self.vectors(caller, model, [piece.text for piece in pieces], dimensions)
                    under_way.append((pieces, asyncio.create_task(asked)))
                if not under_way:
                    return
                pieces, task = under_way[0]
                vectors = await task
                under_way.popleft()
                yield list(map(Embedded, pieces, vectors))
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
            file.close()

    async def vectors(
        self, caller: Caller, model: str, texts: Sequence[str], dimensions: int | None = None
    ) -> list[bytes]:
        """One vector for each text, float32, of length 1, and of so many dimensions.

        Asks again where that may help. Raises FileRefused where it does not, and TryLater where somebody wants it to be
        asked much later.
        """
        body = self._body(model, texts)
        for tries in itertools.count(1):
            try:
                async with self._turns:
                    reply = await self._inside.ask("embeddings", caller, body, {}, "ingestion")
                vectors = await asyncio.to_thread(_read_answer, reply.body, len(texts))
            except GatewayError as error:
                await self._wait(error, model, tries)
            else:
                _check(vectors, model, dimensions)
                return vectors
        raise AssertionError

    def _body(self, model: str, texts: Sequence[str]) -> Body:
        asked: dict[str, Any] = {"model": model, "input": texts, "encoding_format": "base64"}
        if self._settings.dimensions is not None and model == self._settings.model:
            asked["dimensions"] = self._settings.dimensions
        fields = {name: Raw(_encode(value)) for name, value in asked.items()}
        return Body(fields, model, stream=False, wants_usage=False)

    async def _wait(self, error: GatewayError, model: str, tries: int) -> None:
        """Wait before the next try, some part of twice as long as before, or raise where there is none."""
        if not (error.retryable or error.status in _LATER or error.status >= 500):
            raise FileRefused("server_error", f"The model '{model}' does not embed it: {error.message}") from None
        told = error.retry_after or 0
        if told > _LONGEST_WAIT:
            raise TryLater(f"The model '{model}' embeds no more for now: {error.message}", told) from None
        if tries == self._settings.attempts:
            message = f"The model '{model}' did not embed it in {tries} tries: {error.message}"
            raise FileRefused("server_error", message) from None
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1))
        await asyncio.sleep(told + random.uniform(0, longest))  # noqa: S311 - no secret


def _skip(file: IO[bytes], lines: int) -> None:
    for _ in itertools.islice(file, lines):
        pass


def _read(file: IO[bytes], lines: int) -> list[Piece]:
    return [_piece(line) for line in itertools.islice(file, lines)]


def _read_answer(answer: bytes, count: int) -> list[bytes]:
    """The vectors of an answer. Raises UpstreamError on one that is none, or has another number of them."""
    read = read_vectors(answer)
    if read is None or len(read[0]) != count:
        raise UpstreamError("The answer does not have one vector for each text.")
    try:
        return [_of_length_one(_vector(vector)) for vector in read[0]]
    except ValueError:
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


def _check(vectors: list[bytes], model: str, dimensions: int | None) -> None:
    """Raise FileRefused where vectors do not fit into a store."""
    found = {len(vector) // 4 for vector in vectors}
    wanted = {dimensions} if dimensions is not None else found
    if found != wanted or len(found) != 1:
        told = ", ".join(map(str, sorted(found)))
        message = f"The vectors of '{model}' have {told} dimensions, and those of the store {dimensions or 'one size'}."
        raise FileRefused("server_error", message)
