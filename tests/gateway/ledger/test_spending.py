"""What holders of budgets have spent is read from their own rows, in either database, however many others there are."""

from typing import Any, cast

import pytest

from gateway.ledger.spending import Spending
from gateway.state.limits.contract import Bucket, Kind, Measure
from gateway.state.records.contract import Records
from tests.gateway.ledger.plans import Watched
from tests.gateway.ledger.rows import a_row, write
from tests.gateway.state.records.conftest import place, records

__all__ = ["place", "records"]

HOLDERS = 50
ROWS = 100
"""Of each holder, a second apart."""
COLUMNS: dict[Kind, str] = {
    "key": "key_name",
    "owner": "owner",
    "team": "team",
    "organisation": "organisation",
    "model": "model",
}


@pytest.fixture
async def watched(records: Records) -> Watched:
    """A ledger of many holders, which its database knows something of."""
    for holder in range(HOLDERS):
        names: dict[str, Any] = {column: f"{column}-{holder}" for column in COLUMNS.values()}
        await write(records, *(a_row(second, cost=holder, **names) for second in range(ROWS)))
    await records.execute("ANALYZE attempts")
    return Watched(records)


async def nothing() -> None:
    """There is nothing to write."""


@pytest.mark.parametrize("kind", COLUMNS)
async def test_only_the_holders_rows_of_the_period_are_read(watched: Watched, kind: Kind) -> None:
    spending = Spending(cast(Records, watched), nothing)
    bucket = Bucket(name="b", measure=Measure.MONEY, most=1, per="month", kind=kind, holder_name=f"{COLUMNS[kind]}-7")
    assert await spending.spent(bucket, since=(ROWS - 10) * 1_000) == 7 * 10
    assert f"attempts_by_{kind}" in watched.plan, watched.plan
    assert "SCAN attempts" not in watched.plan
    assert "Seq Scan" not in watched.plan
