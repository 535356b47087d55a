"""Work that goes on to its end, whoever stops waiting for it."""

import asyncio
from typing import TypeVar

_T = TypeVar("_T")


async def shielded(running: asyncio.Future[_T]) -> _T:
    """What becomes of it. Where nobody waits for it any more, what went wrong is told to nobody."""
    running.add_done_callback(_retrieve)
    return await asyncio.shield(running)


def _retrieve(done: asyncio.Future[_T]) -> None:
    if not done.cancelled():
        done.exception()
