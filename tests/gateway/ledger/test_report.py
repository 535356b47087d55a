"""Rows are read page by page, however many there are before the page, in either database."""

import re
from typing import cast

from gateway.ledger.question import Question
from gateway.ledger.report import all_attempts, attempts, place_of
from gateway.state.records.contract import Records
from tests.gateway.ledger.plans import Watched
from tests.gateway.ledger.rows import a_row, write
from tests.gateway.state.records.conftest import place, records

__all__ = ["place", "records"]

SECONDS = 1_000
QUESTION = Question(start=100, end=SECONDS, limit=10)
_BY_PLACE = re.compile(r"(attempts_by_time|Index Cond:)[^\n]*attempt_id")


async def fill(records: Records) -> None:
    """Two rows in each second."""
    for first in range(0, SECONDS, 500):
        await write(records, *(a_row(second) for second in range(first, first + 500) for _ in range(2)))
    await records.execute("ANALYZE attempts")


async def test_a_page_is_found_without_the_rows_before_it(records: Records) -> None:
    await fill(records)
    watched = Watched(records)
    far = (SECONDS - 50) * 1_000_000
    found = await attempts(cast(Records, watched), QUESTION, (far, "att_"))
    assert [int(str(place_of(row)[0])) // 1_000_000 for row in found[:3]] == [SECONDS - 50, SECONDS - 50, SECONDS - 49]
    assert _BY_PLACE.search(watched.plan), watched.plan


async def test_every_row_of_the_time_comes_once_and_in_order(records: Records) -> None:
    await fill(records)
    places = [place_of(row) async for rows in all_attempts(records, QUESTION, None) for row in rows]
    assert places == sorted(set(places))
    assert len(places) == 2 * (SECONDS - QUESTION.start)


async def test_a_page_from_before_the_time_begins_with_it(records: Records) -> None:
    await fill(records)
    found = await attempts(records, QUESTION, (0, "att_"))
    assert place_of(found[0])[0] == QUESTION.start * 1_000_000
