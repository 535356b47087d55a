"""Rows as CSV (RFC 4180) that a spreadsheet may open: no text of a client becomes a formula there."""

import csv
import io
from collections.abc import Iterable

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""https://owasp.org/www-community/attacks/CSV_Injection"""


def lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows as lines. A text that a spreadsheet could take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
