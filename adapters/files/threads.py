"""Work that waits for a disk or a network, in threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from adapters.shielded import shielded

_T = TypeVar("_T")


async def to_its_end(threads: ThreadPoolExecutor, work: Callable[..., _T], *arguments: object) -> _T:
    """Do it, even if nobody waits for it any more: then what went wrong is told to nobody."""
    return await shielded(asyncio.get_running_loop().run_in_executor(threads, work, *arguments))
