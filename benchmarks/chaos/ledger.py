"""What the ledger says after a run, straight from its table."""

from collections.abc import Callable
from typing import Any

from benchmarks.chaos.judge import Row

_STATEMENT = """
    select attempt_id, request_id, owner, provider, status, error, cause, cache, cost from attempts
"""


def rows_of(run: Callable[[str, str], list[Any]], database: str) -> list[Row]:
    """Every row; `run` takes a statement and a database's URL."""
    return [Row(*values) for values in run(_STATEMENT, database)]
