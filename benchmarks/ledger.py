"""What a million rows of the usage ledger cost whoever asks for them, in both databases.

    python -m benchmarks.ledger --rows 1000000

Every answer of `GET /admin/usage` is compared with one bare sum over the same rows, asked of the same database in the
same run, and the opening of a budget (what one owner of a hundred has spent) with the same sum. PostgreSQL is that of
the tests.
"""

import argparse
import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.state import Records as Settings
from gateway.ledger.row import COLUMNS
from gateway.ledger.spending import Spending
from gateway.state.limits.contract import Bucket, Measure
from gateway.state.records.contract import Records, Value
from gateway.state.records.open import open_records
from tests.gateway.ledger.rows import USUAL
from tests.gateway_process import GatewayProcess
from tests.services.postgres import PostgresServer

ADMIN_KEY = "admin-of-the-benchmark-0123456789"
OWNERS = 100
START = 1_793_491_200
"""2026-11-01T00:00:00Z; the rows are of thirty days."""
SECONDS = 30 * 86_400
PIECE = 100_000
"""Rows that are written at once."""
QUESTIONS = {
    "one sum of all": "bucket_width=all",
    "by day, key and model": "bucket_width=1d&limit=31&group_by=key,model",
    "a week by the hour": "bucket_width=1h&limit=168",
    "of one owner, by day": "bucket_width=1d&limit=31&owner=owner-7",
}
BARE = "SELECT SUM(prompt_tokens), SUM(cost) FROM attempts WHERE began >= $1"


def row(rows: int) -> dict[str, str]:
    """SQL of every column of row number `i`, of so many."""
    usual = {name: "NULL" if value is None else repr(value) for name, value in USUAL.items()}
    return usual | {
        "attempt_id": "'att_' || (10000000000000000 + i)",
        "request_id": "'req_' || i",
        "began": f"CAST({START * 1_000_000} AS BIGINT) + CAST(i AS BIGINT) * {SECONDS * 1_000_000 // rows}",
        "key_name": f"'key-' || (i % {OWNERS})",
        "owner": f"'owner-' || (i % {OWNERS})",
        "team": "'team-' || (i % 10)",
        "model": "'model-' || (i % 10)",
    }


async def fill(records: Records, rows: int) -> None:
    """Write rows, and let the database learn how they are spread."""
    columns = row(rows)
    for first in range(0, rows, PIECE):
        last = min(rows, first + PIECE) - 1
        numbers = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
        chosen = ", ".join(columns[name] for name in COLUMNS)
        into = f"INSERT INTO attempts ({', '.join(COLUMNS)})"
        await records.execute(f"{into} {numbers} SELECT {chosen} FROM n")
    await records.execute("ANALYZE attempts")


async def timed(work: Awaitable[Any]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def opening(records: Records) -> float:
    """Seconds until a budget knows what its owner has spent this month."""

    async def nothing() -> None:
        """All is written."""

    bucket = Bucket(name="b", measure=Measure.MONEY, most=1, per="month", kind="owner", holder_name="owner-7")
    return await timed(Spending(records, nothing).spent(bucket, START * 1_000))


def ask(gateway: GatewayProcess, path: str) -> tuple[float, int]:
    """Seconds of an answer, and its bytes."""
    request = urllib.request.Request(f"{gateway.url}{path}", headers={"authorization": f"Bearer {ADMIN_KEY}"})
    began, size = time.perf_counter(), 0
    with urllib.request.urlopen(request) as answer:
        while piece := answer.read(1 << 20):
            size += len(piece)
    return time.perf_counter() - began, size


def told(name: str, seconds: float, bare: float, more: str = "") -> None:
    """One line of the table."""
    print(f"| {name} | {seconds * 1_000:,.0f} | {seconds / bare:.2f} | {more} |")


async def measured(place: Mapping[str, Any], rows: int, folder: Path) -> None:
    """The table of one database."""
    records = open_records(Settings(**place))
    await fill(records, rows)
    values: tuple[Value, ...] = (START * 1_000_000,)
    await records.fetch(BARE, *values)
    bare = await timed(records.fetch(BARE, *values))
    told("two bare sums over all rows", bare, bare)
    told("what one owner of a hundred has spent", await opening(records), bare)
    await records.close()
    config = {"server": {"port": 0}, "admin": {"key": ADMIN_KEY}, "state": {"records": dict(place)}}
    config["providers"] = {"lab": {"base_url": "http://127.0.0.1:9/v1"}}
    with GatewayProcess(config, folder) as gateway:
        ask(gateway, f"/admin/usage?start_time={START}&limit=1")
        before = gateway.memory
        times = f"start_time={START}&end_time={START + SECONDS}"
        for name, asked in QUESTIONS.items():
            seconds, size = ask(gateway, f"/admin/usage?{times}&{asked}")
            told(name, seconds, bare, f"{size / 1_000:,.0f} kB")
        seconds, size = ask(gateway, f"/admin/usage/attempts?{times}&format=csv")
        told("every row as CSV", seconds, bare, f"{size / 1e6:,.0f} MB")
        print(f"\nThe gateway had {before / 1e6:.0f} MB before, {gateway.peak_memory / 1e6:.0f} MB at most.")


@contextmanager
def places(folder: Path) -> Iterator[dict[str, dict[str, str]]]:
    """`state.records` of both databases."""
    with PostgresServer() as server:
        yield {
            "SQLite": {"folder": str(folder / "sqlite")},
            "PostgreSQL": {"folder": str(folder / "postgres"), "url": server.new_database()},
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args(arguments).rows
    with TemporaryDirectory() as name, places(Path(name)) as databases:
        for database, place in databases.items():
            print(f"\n{database}, {rows:,} rows\n\n| | ms | times the bare sums | |\n|---|---:|---:|---:|")
            (folder := Path(name, f"gateway-{database}")).mkdir()
            asyncio.run(measured(place, rows, folder))


if __name__ == "__main__":
    main()
