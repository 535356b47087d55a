"""Uploads: a file that arrives in parts, of which each is a blob until they are joined."""

import logging

from msgspec import Struct

from gateway.files.engine import Files
from gateway.files.records import now
from gateway.state.records.contract import Records

log = logging.getLogger("isthmus.files")

_PARTS_MOST = 10_000
_COLUMNS = "id, owner, filename, purpose, bytes, created, lasts, state, file_id, due"


class Upload(Struct, frozen=True):
    """An upload. Times are microseconds since 1970."""

    id: str
    owner: str
    filename: str
    purpose: str
    bytes: int
    created: int
    lasts: int | None
    """How long its file is to last, in seconds."""
    state: str
    """pending, completed, cancelled or expired; a pending one whose time is over counts as expired."""
    file_id: str | None
    """What it became, or the blob that is made of it at the moment."""
    due: int
    """When a pending one expires, or when the row of another goes."""

    @property
    def status(self) -> str:
        """Its state at this moment."""
        return "expired" if self.state == "pending" and self.due <= now() else self.state


class Part(Struct, frozen=True):
    """A part that has arrived."""

    id: str
    bytes: int


class Uploads:
    """The uploads of all owners."""

    def __init__(self, files: Files, records: Records) -> None:
        self._files = files
        self._records = records

    async def sweep(self) -> None:
        """Remove what is due."""
