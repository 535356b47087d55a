"""Many chunks for the tests of one backend, and a watch over what its calls cost the event loop."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.vector_io.contract import BackendUnavailable, Chunk, VectorBackend
from tests.adapters.vector_io.samples import packed

BACK_SECONDS = 30
"""A database that is back may take this long until it is reached again."""
WORDS = [f"word{number}" for number in range(200)]


def unit(source: random.Random, dimensions: int = 8) -> bytes:
    """A vector of length 1."""
    return packed([source.gauss(0, 1) for _ in range(dimensions)])


def some_chunks(count: int, dimensions: int = 8, **fields: Any) -> list[Chunk]:
    """Chunks of ten to a file; their texts differ, and their attributes are a number and whether it is even."""
    source = random.Random(7)
    return [
        Chunk(
            **{
                "id": f"chunk-{number}",
                "file_id": f"file-{number // 10}",
                "index": number % 10,
                "text": " ".join(source.choices(WORDS, k=source.randint(10, 60))),
                "vector": unit(source, dimensions),
                "attributes": {"number": float(number), "even": number % 2 == 0},
                **fields,
            }
        )
        for number in range(count)
    ]


@asynccontextmanager
async def watched_loop() -> AsyncIterator[list[float]]:
    """The longest time in seconds that the event loop was not free: the list's only item."""
    longest = [0.0]

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.perf_counter() - before - 0.001)

    watching = asyncio.create_task(watch())
    try:
        yield longest
    finally:
        watching.cancel()


async def once_it_is_back(backend: VectorBackend, store: str, seconds: float = BACK_SECONDS) -> None:
    """Wait until a backend answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await backend.count(store)
        except BackendUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        else:
            return
