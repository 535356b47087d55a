"""The database of records: SQLite or PostgreSQL behind the same few verbs and the same SQL.

Statements are written once, in the SQL that both understand, with `$1`, `$2` … for parameters. Times are whole
microseconds since 1970, money is whole nano-dollars, flags are 0 and 1, JSON is text. Columns are TEXT, BIGINT or
DOUBLE PRECISION.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = Sequence[Value]
Step: TypeAlias = tuple[str, Row]
"""A statement and its values."""


class RecordsUnavailable(Exception):
    """The database does not answer, or not in time: what was asked may have been done all the same."""


class Conflict(Exception):
    """A row with such a value is there already; nothing was changed."""


class RecordsUnusable(RecordsUnavailable):
    """No waiting helps: a driver is missing, the file can't be opened, or a newer version made the tables."""


class Records(Protocol):
    """The first verb that reaches the database brings its tables up to date; `open` of this folder makes one.

    Raises RecordsUnavailable from every verb, and Conflict from those that write.
    """

    fault: str | None
    """Why the last verb failed; None where it did not."""
    json_each: str
    """The function that makes rows of a JSON object: PostgreSQL's quick one has another name."""

    async def start(self) -> None:
        """Reach the database, so that whoever starts the gateway learns at once what is wrong."""
        ...

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        """The rows of a query."""
        ...

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one statement in a transaction of its own; give the number of rows it changed."""
        ...

    async def execute_many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row, all in one transaction."""
        ...

    async def transact(self, *steps: Step) -> list[int]:
        """Run statements in one transaction; give the number of rows that each changed."""
        ...

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        ...
