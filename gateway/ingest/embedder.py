"""Has the chunks of a text embedded by a model of the gateway: in batches, a few at once, again where that may help."""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from config.vector_stores import EmbeddingModel
from gateway.auth import Caller
from gateway.ingest.contract import FileRefused, Piece, TryLater
from gateway.ingest.vectors import check, read_answer
from gateway.ingest.windows import mean, split
from gateway.inside import Inside

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
"""Seconds between two tries: a longer one, where somebody says so, is not waited for here."""
_LATER = frozenset({408, 409, 425, 429})
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no wait of seconds cures."""
_UNFIT = frozenset({400, 413, 422})
"""What a text too long for a model is refused with, in many words."""
_SHORTEST = 256
"""Bytes of a part: what refuses even that does so for another reason."""

_piece = msgspec.json.Decoder(Piece).decode
_encode = msgspec.json.Encoder().encode


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
        self._most: dict[str, int] = {}
        """Bytes of one text that models took which refused longer ones."""

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

        Texts that are too long for the model are asked for in parts. Asks again where that may help; raises FileRefused
        where it does not, and TryLater where somebody wants it to be asked much later.
        """
        most = self._most.get(model)
        while True:
            parts = [split(text, most) for text in texts]
            flat = list(itertools.chain.from_iterable(parts))
            try:
                found = await self._all(caller, model, flat)
            except _Unfit as error:
                most = max(len(part.encode()) for part in flat) // 2
                if most < _SHORTEST:
                    raise FileRefused("server_error", f"The model '{model}' does not embed it: {error}") from None
            else:
                break
        check(found, model, dimensions)
        if most is not None:
            self._most[model] = min(most, self._most.get(model, most))
        return found if len(found) == len(texts) else await asyncio.to_thread(_joined, found, parts)

    async def _all(self, caller: Caller, model: str, texts: list[str]) -> list[bytes]:
        found = []
        for start in range(0, len(texts), self._settings.batch):
            found += await self._ask(caller, model, texts[start : start + self._settings.batch])
        return found

    async def _ask(self, caller: Caller, model: str, texts: list[str]) -> list[bytes]:
        """The vectors of one batch. Raises _Unfit where the request itself is refused, FileRefused and TryLater."""
        body = self._body(model, texts)
        for tries in itertools.count(1):
            try:
                async with self._turns:
                    reply = await self._inside.ask("embeddings", caller, body, {}, "ingestion")
                return await asyncio.to_thread(read_answer, reply.body, len(texts))
            except GatewayError as error:
                wait = self._wait(error, model, tries)
            await asyncio.sleep(wait)
        raise AssertionError

    def _body(self, model: str, texts: Sequence[str]) -> Body:
        asked: dict[str, Any] = {"model": model, "input": texts, "encoding_format": "base64"}
        if self._settings.dimensions is not None and model == self._settings.model:
            asked["dimensions"] = self._settings.dimensions
        fields = {name: Raw(_encode(value)) for name, value in asked.items()}
        return Body(fields, model, stream=False, wants_usage=False)

    def _wait(self, error: GatewayError, model: str, tries: int) -> float:
        """Seconds before the next try: some part of twice as long as before. Raises where there is none."""
        if error.status in _UNFIT:
            raise _Unfit(error.message) from None
        told = error.retry_after or 0
        if told > _LONGEST_WAIT:
            raise TryLater(f"The model '{model}' embeds no more for now: {error.message}", told) from None
        if (not error.retryable and error.status not in _LATER) or error.code in _SPENT:
            raise FileRefused("server_error", f"The model '{model}' does not embed it: {error.message}") from None
        if tries == self._settings.attempts:
            message = f"The model '{model}' did not embed it in {tries} tries: {error.message}"
            raise FileRefused("server_error", message) from None
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1))
        return told + random.uniform(0, longest)  # noqa: S311 - no secret


class _Unfit(Exception):
    """The model refuses the texts as they are: others, shorter ones, it may take."""


def _joined(found: list[bytes], parts: list[list[str]]) -> list[bytes]:
    left = iter(found)
    return [mean(list(itertools.islice(left, len(of_one))), of_one) for of_one in parts]


def _skip(file: IO[bytes], lines: int) -> None:
    for _ in itertools.islice(file, lines):
        pass


def _read(file: IO[bytes], lines: int) -> list[Piece]:
    return [_piece(line) for line in itertools.islice(file, lines)]
