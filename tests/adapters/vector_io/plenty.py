"""Many chunks for the tests of one backend, and a watch over what its calls cost the event loop."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.vector_io.contract import BackendUnavailable, Chunk, VectorBackend
from tests.adapters.vector_io.samples import packed

BACK_SECONDS = 30
"""A database that is back may take this long until it is reached again."""
FREE_SECONDS = 0.25
"""An event loop that is never held up for longer is free."""
_LOOK_SECONDS = 0.001
_TRIES = 5
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


async def longest_stall(work: Callable[[], Awaitable[None]]) -> float:
    """The longest time in seconds that the event loop was not free during some work.

    A busy machine holds it up too, but hardly each time, as work that blocks does: it is done up to five times.
    """
    stalls = []
    for _ in range(_TRIES):
        stalls.append(await _stall(work))
        if stalls[-1] < FREE_SECONDS:
            break
    return min(stalls)


async def _stall(work: Callable[[], Awaitable[None]]) -> float:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_LOOK_SECONDS)
            longest = max(longest, time.perf_counter() - before - _LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        await work()
    finally:
        watching.cancel()
    return longest


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
