"""How a backend is looked at, for the declarations of those that are shipped: see `BackendType.look`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import msgspec

from adapters.folders import see_usable
from adapters.vector_io.contract import BackendUnavailable, VectorBackend

Look: TypeAlias = Callable[[str, Any, Path], Awaitable[None]]
Open: TypeAlias = Callable[[str, Any, Path], VectorBackend]

_SECONDS = 5.0
_NO_STORE = "vs_nobody"
_IMPORTING = Lock()


def at_folder(open: Open, place: Callable[[Any, Path], Path]) -> Look:
    """That of a backend that keeps its files in a folder, which `place` gives."""

    async def look(name: str, options: Any, folder: Path) -> None:
        backend = await _opened(open, name, options, folder)  # no file yet, but what is installed is seen
        await backend.close()
        see_folder(name, place(options, folder))

    return look


def by_asking(open: Open) -> Look:
    """That of a server whose `count` of a store that nobody made changes nothing."""

    async def look(name: str, options: Any, folder: Path) -> None:
        seconds = min(options.timeout_seconds, _SECONDS)
        hasty = msgspec.structs.replace(options, timeout_seconds=seconds)
        backend = await _opened(open, name, hasty, folder)
        try:
            await backend.count(_NO_STORE)
        except asyncio.CancelledError:  # a thread of it still waits: to close it would wait too
            raise
        except BaseException:
            await backend.close()
            raise
        await backend.close()

    return look


async def _opened(open: Open, name: str, options: Any, folder: Path) -> VectorBackend:
    """Open it in a thread: libraries take seconds to import. One by one, as they depend on the same others."""

    def work() -> VectorBackend:
        with _IMPORTING:
            return open(name, options, folder)

    return await asyncio.to_thread(work)


def see_folder(name: str, folder: Path) -> None:
    """Raises BackendUnavailable where nothing can be kept there."""
    try:
        see_usable(folder)
    except OSError as error:
        raise BackendUnavailable(f"{name}: {error.filename}: {error.strerror}") from None
