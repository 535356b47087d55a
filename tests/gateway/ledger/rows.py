"""Rows for tests of what is read from the ledger."""

import itertools
from typing import Any

import msgspec

from gateway.ledger.row import COLUMNS, insert
from gateway.state.records.contract import Records

_numbers = itertools.count()
USUAL: dict[str, Any] = {
    "request_id": "r",
    "began": 0,
    "key_name": "app",
    "owner": "ada",
    "team": "analysis",
    "organisation": "works",
    "model": "fast",
    "route": "fast",
    "provider": "lab",
    "provider_model": "llama",
    "operation": "chat",
    "stream": 0,
    "cause": "first",
    "opens": 1,
    "cache": None,
    "status": 200,
    "error": None,
    "finish_reason": "stop",
    "latency": 2_000_000,
    "first_token": 500_000,
    "prompt_tokens": 100,
    "completion_tokens": 10,
    "cached_tokens": 40,
    "reasoning_tokens": 3,
    "cache_write_tokens": 0,
    "prompt_audio_tokens": 0,
    "completion_audio_tokens": 0,
    "searches": 0,
    "estimated": 0,
    "cost": 1_000,
    "price_version": "2026-11-01",
}


def a_row(second: float = 0, **columns: Any) -> dict[str, Any]:
    """A row of an attempt that began in that second since 1970."""
    assert columns.keys() <= set(COLUMNS)
    row = {"attempt_id": f"att_{next(_numbers):032x}", **USUAL, **columns, "began": int(second * 1_000_000)}
    return {name: row[name] for name in COLUMNS}


async def write(records: Records, *rows: dict[str, Any]) -> int:
    """Insert rows as the ledger does; give how many were not there."""
    pieces = {row["attempt_id"].encode(): msgspec.json.encode([row[name] for name in COLUMNS[1:]]) for row in rows}
    return await insert(records, pieces)
