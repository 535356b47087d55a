"""What the holders of budgets have spent, as the ledger knows it."""

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from gateway.call import ATTEMPT_NUMBER_AT
from gateway.ledger.question import DIMENSIONS
from gateway.ledger.row import NAME_MAX
from gateway.state.limits.contract import Bucket, Under
from gateway.state.records.contract import Records, Value

_SPENT: Final = (
    "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM attempts WHERE {holder} = $1 AND began >= $2 "
    "AND cause <> 'mirror' AND attempt_id NOT IN (SELECT key FROM {json_each}($3))"
)
_AFTER: Final = f" AND NOT (SUBSTR(attempt_id, 1, {ATTEMPT_NUMBER_AT}) = ${{0}} AND attempt_id > ${{1}})"


class Spending:
    """Reads the ledger for those who count."""

    __slots__ = ("_records", "_write")

    def __init__(self, records: Records, write: Callable[[], Awaitable[None]]) -> None:
        self._records = records
        self._write = write

    async def write(self) -> None:
        """Have everything in the database that is over by now, here and on dead workers. Raises RecordsUnavailable."""
        await self._write()

    async def spent(self, bucket: Bucket, since: int, without: Collection[Under] = ()) -> int:
        """Nano-dollars that a budget's holder has spent since a time in milliseconds, without some calls under way.

        Attempts that nobody knows the cost of have none here. Raises RecordsUnavailable.
        """
        name = bucket.holder_name[:NAME_MAX] if bucket.kind == "model" else bucket.holder_name
        ids = json.dumps({attempt: 0 for under in without for attempt in under.attempts})
        values: list[Value] = [name, since * 1_000, ids]
        statement = _SPENT.format(holder=DIMENSIONS[bucket.kind], json_each=self._records.json_each)
        for under in without:
            values += (under.mark[:ATTEMPT_NUMBER_AT], under.mark)
            statement += _AFTER.format(len(values) - 1, len(values))
        ((spent,),) = await self._records.fetch(statement, *values)
        assert isinstance(spent, int)  # noqa: S101 - the statement casts it
        return spent
