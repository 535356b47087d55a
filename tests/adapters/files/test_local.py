"""The folder of files while whoever reads or writes it leaves: nothing is closed under a thread that is at it."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files.local import LocalOptions, LocalStore

CONTENT = b"an isthmus"


class Held:
    """A call to the kernel that waits until it is let go."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go, self.over = threading.Event(), threading.Event(), threading.Event()
        self.faults: list[Exception] = []
        self._real: Callable[..., Any] = getattr(os, name)
        monkeypatch.setattr(os, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self.began.set()
        self.go.wait(10)
        try:
            return self._real(*arguments)
        except OSError as error:
            self.faults.append(error)
            raise
        finally:
            self.over.set()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore(LocalOptions(), tmp_path)
    await store.start()
    yield store
    await store.close()


def open_files(store: LocalStore) -> list[str]:
    names = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    found = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(name))
    return [name for name in found if name.startswith(str(store.folder))]


async def all_closed(store: LocalStore) -> None:
    async with asyncio.timeout(10):
        while open_files(store):  # noqa: ASYNC110 - threads tell nobody
            await asyncio.sleep(0.01)


async def left_in(held: Held, work: asyncio.Task[Any]) -> None:
    """Leave while the kernel is at it, then let it go on."""
    await asyncio.to_thread(held.began.wait, 10)
    work.cancel()
    letting_go = asyncio.get_running_loop().call_later(0.05, held.go.set)
    with contextlib.suppress(asyncio.CancelledError):
        await work
    letting_go.cancel()
    held.go.set()
    await asyncio.to_thread(held.over.wait, 10)


async def read_all(store: LocalStore) -> bytes:
    pieces = store.read("a/b")
    try:
        return b"".join([piece async for piece in pieces])
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]


async def write_all(store: LocalStore) -> None:
    writer = store.write("a/b")
    try:
        await writer.write(CONTENT)
        await writer.commit()
    finally:
        await writer.abort()


async def test_a_reader_leaves_in_the_midst_of_a_read(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_all(store)
    held = Held("pread", monkeypatch)
    await left_in(held, asyncio.create_task(read_all(store)))
    await all_closed(store)
    assert held.faults == []


async def test_a_writer_leaves_while_its_file_is_made_durable(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held("fsync", monkeypatch)
    await left_in(held, asyncio.create_task(write_all(store)))
    await all_closed(store)
    assert held.faults == []
    assert await read_all(store) == CONTENT
