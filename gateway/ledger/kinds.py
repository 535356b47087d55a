"""Kinds of records in the journal: each is the first byte of a record."""

from typing import Final

BEGUN: Final = b"B"
"""An attempt has begun."""
ENDED: Final = b"E"
"""It has ended, and what it used is known."""
PENDING: Final = b"P"
"""It has ended, and what it used is counted later."""
CARRIED: Final = b"C"
"""BEGUN again: the first record was in a segment that was deleted."""
CARRIED_PENDING: Final = b"D"
"""PENDING again."""
USED: Final = b"U"
"""What it used."""
