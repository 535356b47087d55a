"""What dead workers left: their rows are written by whoever finds them first."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from gateway.ledger.join import Join
from gateway.ledger.journal import Left, left_in
from gateway.ledger.segment import read_records
from gateway.observe.counters import Counters

log = logging.getLogger("isthmus.ledger")

_LOOK_SECONDS = 5.0
_ROWS = 500

Insert: TypeAlias = Callable[[dict[bytes, bytes]], Awaitable[int]]


class Inheritance:
    """Looks for journals without a worker."""

    __slots__ = ("_counters", "_folder", "_insert", "_looked")

    def __init__(self, folder: Path, insert: Insert, counters: Counters) -> None:
        self._folder = folder
        self._insert = insert
        self._counters = counters
        self._looked = float("-inf")

    async def look(self, *, at_once: bool = False) -> None:
        """Look, not more often than every few seconds unless it must be at once. Raises what inserting raises."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS and not at_once:
            return
        self._looked = now
        for left in left_in(self._folder):
            try:
                await self._take(left)
            except BaseException:
                left.release()
                raise
            left.remove()

    async def _take(self, left: Left) -> None:
        """Write the rows of a journal: first those that are whole, then those of attempts that had not ended."""
        join = Join()
        written = 0
        rows: dict[bytes, bytes] = {}
        for path in left.segments():
            data = await asyncio.to_thread(path.read_bytes)
            for record, _ in read_records(data, 0, len(data)):
                row = join.add(record)
                if row is not None:
                    rows[record.id] = row
                if len(rows) >= _ROWS:
                    written += await self._insert(rows)
                    rows = {}
        if rows:
            written += await self._insert(rows)
        unfinished = {attempt: row for attempt, known in join.open.items() if (row := known.last_row()) is not None}
        lost = await self._insert(unfinished) if unfinished else 0
        log.warning("a worker died: its journal %s had %d rows, %d of attempts under way", left.name, written, lost)
        if join.damaged:
            self._counters.add("ledger_records_damaged", amount=join.damaged)
            log.error("the ledger's journal %s had %d records that can't be read", left.name, join.damaged)
