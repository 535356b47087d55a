"""What each worker counted, in files that all of them read: /metrics is the same whoever answers.

A worker writes its file once a second, and whenever it answers /metrics itself: a number that was told once is in the
file, so that no later answer of another worker, nor of the worker that takes a dead one's place, is below it.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from gateway.observe.families import GAUGES
from gateway.observe.metrics import Metrics
from gateway.observe.tables import LAG_SECONDS, Tables, decode, encode, merged

log = logging.getLogger("isthmus.metrics")

_SAVE_SECONDS = 1.0
_LAG_SECONDS = 0.5
_LARGEST = frozenset(family.name for family in GAUGES if family.over == "max")
_SMALLEST = frozenset(family.name for family in GAUGES if family.over == "min")


class Snapshots:
    """The files of one gateway; `index` is this worker's."""

    def __init__(self, metrics: Metrics, folder: Path, index: int) -> None:
        self._metrics = metrics
        self._folder = folder
        self._file = folder / f"worker-{index}"
        self._turn = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Go on from a predecessor's file, write an own one from now on, and watch the event loop."""
        self._folder.mkdir(exist_ok=True)
        for tables in _read([self._file]):
            self._metrics.inherit(tables)
        self._saving = asyncio.get_running_loop().create_task(self._save_on())
        self._watch()

    async def collect(self) -> Tables:
        """The tables of all workers as one, this one's as they are now."""
        await self._save()
        tables = await asyncio.to_thread(lambda: _read(sorted(self._folder.glob("worker-*[0-9]"))))
        alive = sum(_drop_gauges_of_the_dead(each) for each in tables)
        whole = merged(tables, _LARGEST, _SMALLEST)
        whole.gauges["workers",] = alive
        return whole

    async def close(self) -> None:
        """Write the last file."""
        if self._timer is not None:
            self._timer.cancel()
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait([self._saving])
            await self._save()

    async def _save_on(self) -> None:
        while True:
            try:
                await self._save()
            except OSError as error:
                log.warning("the metrics were not written: %s", error)
            await asyncio.sleep(_SAVE_SECONDS)

    async def _save(self) -> None:
        """Write the file, also where whoever waits for it is cancelled: the thread writes on, and has its turn."""
        self._writing = asyncio.get_running_loop().create_task(self._write())
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        """One after the other: an older file must not take a newer one's place."""
        async with self._turn:
            raw = encode(self._metrics.current())
            await asyncio.to_thread(_replace, self._file, raw)

    def _watch(self) -> None:
        """Measure how late a timer is, again and again."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _LAG_SECONDS
        self._timer = loop.call_at(due, self._came, due)

    def _came(self, due: float) -> None:
        self._metrics.observe_lag(LAG_SECONDS, max(0.0, asyncio.get_running_loop().time() - due))
        self._watch()


def _replace(file: Path, raw: bytes) -> None:
    beside = file.with_name(f".{file.name}")
    beside.write_bytes(raw)
    beside.replace(file)


def _read(files: Iterable[Path]) -> list[Tables]:
    """What stands in the files; one that can't be read is left out."""
    found = []
    for file in files:
        try:
            found.append(decode(file.read_bytes()))
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError) as error:
            log.warning("the metrics of %s were not read: %s", file.name, error)
    return found


def _drop_gauges_of_the_dead(tables: Tables) -> bool:
    """Whether the worker lives; what a dead one held it holds no more."""
    if _lives(tables.pid):
        return True
    tables.gauges = {}
    return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
