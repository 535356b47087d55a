"""The database of records: SQLite or PostgreSQL behind the same few verbs and the same SQL.

Statements are written once, in the SQL that both understand, with `$1`, `$2` … for parameters. Times are whole
microseconds since 1970, money is whole nano-dollars, flags are 0 and 1, JSON is text.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = Sequence[Value]


class RecordsUnavailable(Exception):
    """The database does not answer, or not in time."""


class Records(Protocol):
    """Raises RecordsUnavailable from every verb."""

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        """The rows of a query."""
        ...

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one statement in a transaction of its own; give the number of rows it changed."""
        ...

    async def execute_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, all in one transaction."""
        ...

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        ...
