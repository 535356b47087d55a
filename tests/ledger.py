"""The usage ledger as tests see it: read straight from its database, and held against what was sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from config.state import Records as Settings
from gateway.ledger.row import COLUMNS
from gateway.state.records.open import open_records
from tests.upstream.script import PATIENCE

Row: TypeAlias = dict[str, Any]

PRICES = {"prompt": 1, "completion": 10, "cached": 0.1, "version": "2026-11-01"}
"""Nano-dollars for a token are a thousand times these."""


def rows_of(settings: Mapping[str, Any]) -> list[Row]:
    """Every row of the database of a `state.records`, in the order in which the attempts began."""

    async def fetch() -> list[Row]:
        records = open_records(Settings(**settings))
        found = await records.fetch(f"SELECT {', '.join(COLUMNS)} FROM attempts ORDER BY began, attempt_id")
        await records.close()
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    with ThreadPoolExecutor(1) as thread:  # a test may have a loop of its own
        return thread.submit(lambda: asyncio.run(fetch())).result()


def await_rows(settings: Mapping[str, Any], count: int) -> None:
    """Wait until there are so many. It looks seldom: opening a database takes its lock for a moment."""
    deadline = time.monotonic() + PATIENCE
    while len(rows_of(settings)) < count:
        assert time.monotonic() < deadline, f"there never were {count} rows"
        time.sleep(0.2)


def assert_reconciled(rows: list[Row], sent: Counter[str]) -> None:
    """Each attempt is there once, and each request was begun once; `sent` counts the requests of each request id."""
    twice = [attempt for attempt, count in Counter(row["attempt_id"] for row in rows).items() if count > 1]
    assert not twice
    assert Counter(row["request_id"] for row in rows) == sent
    for row in rows:
        assert (row["cost"] is None) == (row["price_version"] is None) or row["cost"] == 0, row


def journals_in(settings: Mapping[str, Any]) -> list[Path]:
    """The folders of workers in the journal: those that live, and those whose rows nobody has written yet."""
    return [path for path in Path(settings["folder"]).glob("journal-*/*") if path.is_dir()]
