"""Puts the pieces of rows together, in whatever order a journal has them."""

from gateway.ledger.kinds import BEGUN, CARRIED, CARRIED_PENDING, ENDED, PENDING, USED
from gateway.ledger.row import UNKNOWN_USE, joined, lost
from gateway.ledger.segment import Record

_BEGUN = frozenset(BEGUN + CARRIED)
_PENDING = frozenset(PENDING + CARRIED_PENDING)
_ENDED, _USED = ENDED[0], USED[0]


class Open:
    """An attempt that has no row yet."""

    __slots__ = ("begun", "ended", "pending", "segment", "used")

    def __init__(self, segment: int) -> None:
        self.segment = segment
        """The number of the segment that is needed for it."""
        self.begun: bytes | None = None
        self.ended: bytes | None = None
        """With what it used."""
        self.pending: bytes | None = None
        """Without."""
        self.used: bytes | None = None

    def row(self) -> bytes | None:
        """The whole row; None while a piece is missing."""
        if self.begun is None:
            return None
        if self.ended is not None:
            return b"%b,%b" % (self.begun[:-1], self.ended[1:])
        if self.pending is not None and self.used is not None:
            return joined(self.begun, self.pending, self.used)
        return None

    def last_row(self) -> bytes | None:
        """What is to be said of it when no more pieces will come; None where nothing can be."""
        if self.begun is None:
            return None
        return joined(self.begun, self.pending, UNKNOWN_USE) if self.pending is not None else lost(self.begun)


class Join:
    """Attempts under way, by their ids."""

    __slots__ = ("damaged", "open")

    def __init__(self) -> None:
        self.open: dict[bytes, Open] = {}
        self.damaged = 0
        """Records that could not be read."""

    def add(self, record: Record, segment: int = 0) -> bytes | None:
        """Take a record; give the row that it completes."""
        kind, attempt, text = record
        if kind is None:
            self.damaged += 1
            return None
        known = self.open.get(attempt)
        if known is None:
            known = self.open[attempt] = Open(segment)
        if kind in _BEGUN:
            known.begun = text
        elif kind == _ENDED:
            known.ended = text
        elif kind in _PENDING:
            known.pending = text
        elif kind == _USED:
            known.used = text
        row = known.row()
        if row is not None:
            del self.open[attempt]
        return row

    def of_segment(self, number: int) -> list[tuple[bytes, Open]]:
        """Attempts under way for which a segment is needed."""
        return [(attempt, known) for attempt, known in self.open.items() if known.segment == number]
