"""The folder of files: whoever reads or writes it may leave, and the disk may do less than it should."""

import asyncio
import contextlib
import errno
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files.contract import StoreUnavailable
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


async def test_a_reader_who_leaves_before_its_file_is_opened_leaves_it_closed(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_all(store)
    go = threading.Event()
    at_work = [asyncio.ensure_future(store.run(go.wait, 10)) for _ in range(4)]
    await asyncio.sleep(0)
    reading = asyncio.ensure_future(read_all(store))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading})
    opening = Held("open", monkeypatch)
    go.set()
    await asyncio.gather(*at_work)
    await store.close()
    assert not opening.began.is_set()
    assert open_files(store) == []


async def test_every_file_is_listed_however_many_there_are(store: LocalStore) -> None:
    names = {f"file-{number}" for number in range(2_003)}
    for name in names:
        store.place(name).touch()
    assert {found.key async for found in store.list()} == names


async def test_a_folder_that_can_not_be_listed_is_unavailable_rather_than_empty(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_all(store)

    def refuse(path: Any) -> Any:
        raise PermissionError(errno.EACCES, "not allowed", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreUnavailable, match="not allowed"):
        [found async for found in store.list()]


async def test_a_place_that_is_no_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    store = LocalStore(LocalOptions(folder=str(tmp_path / "taken")), tmp_path)
    with pytest.raises(StoreUnavailable, match="File exists"):
        await store.start()
    await store.close()


async def test_a_disk_that_takes_less_than_it_is_given_gets_the_rest(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "writev", lambda file, pieces: os.write(file, pieces[0][:3]))
    await write_all(store)
    assert await read_all(store) == CONTENT


async def test_a_disk_that_takes_nothing_is_full(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "writev", lambda file, pieces: 0)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await write_all(store)
    assert [found async for found in store.list()] == []
    assert list((store.folder / "writing").iterdir()) == []


async def test_a_file_whose_writer_is_done_while_the_sweep_comes_to_it_is_left_alone(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = store.folder / "writing" / "0123"
    half.write_bytes(CONTENT)
    really_open = os.open

    def open_late(path: Any, *arguments: Any) -> int:
        half.rename(store.place("0123"))
        return really_open(path, *arguments)

    monkeypatch.setattr(os, "open", open_late)
    assert await store.sweep(time.time() + 100) == 0
    assert store.place("0123").read_bytes() == CONTENT


async def test_the_disk_begins_with_a_large_file_while_it_arrives(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda file, start, size, advice: begun.append((start, size)))
    writer = store.write("a/b")
    for _ in range(40):
        await writer.write(bytes(1_000_000))
    in_time = list(begun)
    await writer.commit()
    assert len(in_time) >= 3
    assert [start for start, _ in in_time] == [0, *(start + size for start, size in in_time[:-1])]
    assert all(size < 10_000_000 for _, size in in_time)
