"""Deletes rows that are older than they are kept, a few at a time."""

import asyncio
import random
import time

from gateway.state.records.contract import Records

_DAY_SECONDS = 86_400
_FIRST_SECONDS = 600
"""A worker looks for the first time within this long after its start, so that not all look at once."""
_ROWS = 1_000
_PAUSE_SECONDS = 0.1

DELETE = """
DELETE FROM attempts WHERE attempt_id IN (SELECT attempt_id FROM attempts WHERE began < $1 ORDER BY began LIMIT $2)
"""


class Retention:
    """Looks once a day."""

    __slots__ = ("_days", "_next", "_records")

    def __init__(self, records: Records, days: int) -> None:
        self._records = records
        self._days = days
        self._next = time.monotonic() + random.uniform(0, _FIRST_SECONDS)  # noqa: S311 - nobody's secret

    async def look(self) -> None:
        """Delete what is too old, if a day has gone by. Raises RecordsUnavailable."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _DAY_SECONDS
        await self.delete()

    async def delete(self) -> None:
        """Delete what is too old: in transactions so short that nobody waits for them. Raises RecordsUnavailable."""
        oldest = (int(time.time()) - self._days * _DAY_SECONDS) * 1_000_000
        deleted = _ROWS
        while deleted == _ROWS:
            deleted = await self._records.execute(DELETE, oldest, _ROWS)
            await asyncio.sleep(_PAUSE_SECONDS)
