"""What is done now and then: expired files go, what a crash left goes, and this worker's writers are said to live.

Every worker of every replica sweeps; each row is claimed first, so that no two do the same work.
"""

import asyncio
import logging
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from adapters.files.contract import StoreUnavailable
from gateway.files.engine import Files, reason
from gateway.files.records import Due
from gateway.files.uploads import Uploads
from gateway.observe.counters import Counters
from gateway.state.records.contract import RecordsUnavailable

log = logging.getLogger("isthmus.files")

_EVERY_SECONDS = 10.0
_BEAT_SECONDS = 15.0
_LEAVINGS_EVERY_SECONDS = 3_600.0
_LEAVINGS_SECONDS = 120.0
"""What a writer has not touched for this long, and does not hold, is left of one that died."""


class Sweep:
    """The work of one worker."""

    def __init__(self, files: Files, uploads: Uploads, counters: Counters) -> None:
        self._files = files
        self._uploads = uploads
        self._counters = counters
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(work) for work in (self._beat(), self._sweep(), self._clear_store())]

    async def close(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def once(self) -> None:
        """Remove what is due. Raises RecordsUnavailable."""
        records = self._files.records
        await self._uploads.sweep()
        await records.forget_files()
        while files := await records.files_due():
            for file in files:
                if await records.claim_file(file):
                    await self._try(self._files.bury(file.owner, file.id), file)
        while blobs := await records.blobs_due():
            for blob in blobs:
                if await records.claim_blob(blob):
                    await self._try(self._files.remove_blob(blob.id), blob)

    async def _try(self, work: Coroutine[Any, Any, None], due: Due) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - those who are told of a removal raise what they like
            log.warning("%s could not be removed and is tried again: %s", due.id, reason(error))
        else:
            self._counters.add("files_swept", due.state)

    async def _sweep(self) -> None:
        while True:
            try:
                await self.once()
            except RecordsUnavailable as error:
                log.warning("files are not swept now: %s", error)
            seconds = _EVERY_SECONDS * random.uniform(0.75, 1.25)  # noqa: S311 - workers do not go in step
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._files.due.wait()
            self._files.due.clear()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if self._files.under_way:
                try:
                    await self._files.records.beat(self._files.writer)
                except RecordsUnavailable as error:
                    log.warning("the files that arrive could not be told of: %s", error)

    async def _clear_store(self) -> None:
        while True:
            try:
                removed = await self._files.blobs.sweep(time.time() - _LEAVINGS_SECONDS)
            except StoreUnavailable as error:
                log.warning("the store of files is not swept now: %s", error)
            else:
                if removed:
                    log.info("%d unfinished writes of a process that died were removed from the store", removed)
            await asyncio.sleep(_LEAVINGS_EVERY_SECONDS)
