"""Whether the database of records would serve, and what is in it: nothing is made and no table is changed."""

import asyncio
import sqlite3
from pathlib import Path
from urllib.parse import quote

from adapters.folders import see_usable
from config.state import Records as Settings
from gateway.state.records.contract import RecordsUnavailable, RecordsUnusable
from gateway.state.records.migrations import APPLIED, pending
from gateway.state.records.open import FILE, NO_DRIVER, SQLITE, place_of_state

_BUSY_SECONDS = 1.0
_NO_TABLE = "no such table"


async def look(settings: Settings) -> str:
    """What there is, in words. Raises RecordsUnavailable."""
    url = settings.url
    if url is not None and not url.startswith(SQLITE):
        return _told(await _postgres(url))
    path = Path(url.removeprefix(SQLITE)) if url else place_of_state(settings) / FILE
    try:
        return _told(await asyncio.to_thread(_sqlite, path))
    except (sqlite3.Error, OSError) as error:
        raise RecordsUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _told(version: int) -> str:
    if not version:
        return "it has no tables yet: the first start makes them"
    to_come = len(pending(version))
    return f"its tables have version {version}" + (f", {to_come} more at the next start" if to_come else "")


async def _postgres(url: str) -> int:
    try:
        from adapters.postgres import Unreachable, look_into
    except ImportError:
        raise RecordsUnusable(NO_DRIVER) from None
    try:
        async with look_into(url) as connection:
            there = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
            return int(await connection.fetchval(APPLIED)) if there else 0
    except Unreachable as error:
        raise RecordsUnavailable(f"PostgreSQL: {error}") from None


def _sqlite(path: Path) -> int:
    see_usable(path.parent)
    if not path.exists():
        return 0
    with path.open("r+b"):  # who may only read it serves nothing
        pass
    # Without a journal nobody has it open, and to open it as others might would leave one behind.
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path))}?{how}", timeout=_BUSY_SECONDS, uri=True)
    try:
        return int(connection.execute(APPLIED).fetchone()[0])
    except sqlite3.OperationalError as error:
        if _NO_TABLE in str(error):
            return 0
        raise
    finally:
        connection.close()
