"""What makes the tables: numbered files of statements, each applied once, in order, in either database."""

import re
from functools import cache
from importlib.resources import files

from gateway.state.records.contract import RecordsUnusable

_NAME = re.compile(r"(\d{4})_\w+\.sql")

TABLE = "CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY, applied BIGINT NOT NULL)"
"""Run before anything else."""
APPLIED = "SELECT COALESCE(MAX(version), 0) FROM migrations"
APPLY = "INSERT INTO migrations (version, applied) VALUES ($1, $2)"


@cache
def migrations() -> list[tuple[int, list[str]]]:
    """Version and statements of each, in order."""
    found = []
    for file in files(__package__).iterdir():
        if name := _NAME.fullmatch(file.name):
            text = "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("--"))
            found.append((int(name[1]), [statement.strip() for statement in text.split(";") if statement.strip()]))
    return sorted(found)


def pending(applied: int) -> list[tuple[int, list[str]]]:
    """Those that a database has not seen. Raises RecordsUnusable where it has seen more than there are."""
    newest = migrations()[-1][0]
    if applied > newest:
        raise RecordsUnusable(
            f"A newer version of Isthmus made the tables of the database (version {applied}, this one knows {newest}): "
            "install that version, or restore the database from before."
        )
    return [(version, statements) for version, statements in migrations() if version > applied]
