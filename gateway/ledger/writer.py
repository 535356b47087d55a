"""Moves rows from journals to the database: this worker's own all the time, those of dead workers when it finds them.

A row may be written twice, by a worker that was killed in between or whose database did not answer in time: the
attempt's id makes the second one nothing. So nothing is noted of what has been written; a segment is deleted when all
of its rows are.
"""

import asyncio
import logging
import time
from pathlib import Path

from gateway.ledger.inheritance import Inheritance
from gateway.ledger.join import Join
from gateway.ledger.journal import Tail
from gateway.ledger.kinds import CARRIED, CARRIED_PENDING
from gateway.ledger.ledger import Ledger
from gateway.ledger.retention import Retention
from gateway.ledger.row import insert
from gateway.observe.counters import Counters
from gateway.state.records.contract import Records, RecordsUnavailable

log = logging.getLogger("isthmus.ledger")

_EVERY_SECONDS = 0.5
_ROWS = 500
_RECORDS_AT_ONCE = 100
"""Read without a pause: a fifth of a millisecond."""
_WAIT_MOST_SECONDS = 8.0
_LAST_SECONDS = 5.0
"""At the end, the database has this long to take what is left."""
_CARRIED = frozenset(CARRIED + CARRIED_PENDING)


class Writer:
    """The task behind a ledger."""

    def __init__(self, ledger: Ledger, records: Records, folder: Path, counters: Counters, keep_days: int) -> None:
        self._ledger = ledger
        self._journal = ledger.journal
        self._records = records
        self._counters = counters
        self._inheritance = Inheritance(folder, self._insert, counters)
        self._retention = Retention(records, keep_days)
        self._tail = Tail(ledger.journal)
        self._join = Join()
        self._rows: dict[bytes, bytes] = {}
        """Read, and not yet in the database."""
        self._task: asyncio.Task[None] | None = None
        self._failing = False
        self._writing = asyncio.Lock()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def write(self) -> None:
        """Write at once what is over by now, here and on dead workers. Raises RecordsUnavailable."""
        async with self._writing:
            await self._write()
            await self._inheritance.look(at_once=True)

    async def close(self) -> None:
        """Write what is left, or leave it to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(_LAST_SECONDS), self._writing:
                await self._write()
        except (TimeoutError, RecordsUnavailable) as fault:
            log.warning("rows of the ledger stay in its journal until the next start: %s", fault or "no time is left")
        self._journal.close(keep=bool(self._rows or self._join.open))

    async def _run(self) -> None:
        wait = _EVERY_SECONDS
        while True:
            try:
                async with self._writing:
                    await self._write()
                    await self._inheritance.look()
                await self._retention.look()
                wait = _EVERY_SECONDS
                self._failing = False
            except RecordsUnavailable as fault:
                self._tell(fault)
                wait = min(wait * 2, _WAIT_MOST_SECONDS)
            except Exception:
                log.exception("the ledger's writer failed; it tries again")
                wait = _WAIT_MOST_SECONDS
            await asyncio.sleep(wait)

    def _tell(self, fault: RecordsUnavailable) -> None:
        self._counters.add("ledger_write_errors")
        if not self._failing:
            self._failing = True
            log.warning("rows of the ledger wait in its journal: %s", fault)

    async def _write(self) -> None:
        """Write all rows that are whole. Raises RecordsUnavailable."""
        more = True
        while more:
            self._settle()
            while more and len(self._rows) < _ROWS:
                more = self._read()
                await asyncio.sleep(0)
            if self._rows:
                await self._insert(self._rows)
                self._rows = {}
            self._drop()

    def _settle(self) -> None:
        try:
            self._ledger.settle()
        except OSError as error:
            log.error("the ledger's journal can't grow: %s", error.strerror)

    def _read(self) -> bool:
        """Read some records; give whether there may be more."""
        segment, records = self._tail.read(_RECORDS_AT_ONCE)
        for record in records:
            if record.kind not in _CARRIED:
                row = self._join.add(record, segment)
                if row is not None:
                    self._rows[record.id] = row
        return bool(records)

    async def _insert(self, rows: dict[bytes, bytes]) -> int:
        """Write rows in one transaction; give how many were not there. Raises RecordsUnavailable."""
        began = time.monotonic()
        written = await insert(self._records, rows)
        self._counters.add("ledger_rows", amount=written)
        self._counters.add("ledger_write_seconds", amount=time.monotonic() - began)
        return written

    def _drop(self) -> None:
        """Delete the segments whose rows are written, once what they know of attempts under way stands elsewhere."""
        while self._tail.index:
            for attempt, known in self._join.of_segment(self._journal.segments[0].number):
                pieces = [(CARRIED, known.begun), (CARRIED_PENDING, known.pending)]
                carried = [
                    self._journal.append(kind + attempt + text, beyond=True)
                    for kind, text in pieces
                    if text is not None
                ]
                if not all(carried):
                    return
                known.segment = self._journal.segments[-1].number
            self._tail.remove_first()
