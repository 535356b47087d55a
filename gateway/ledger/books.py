"""The ledger of a configuration, between the worker's beginning and its end."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from config.schema import Config
from config.state import Records as Settings
from gateway.ledger.journal import Journal
from gateway.ledger.ledger import Ledger
from gateway.ledger.spending import Spending
from gateway.ledger.writer import Writer
from gateway.observe.counters import Counters
from gateway.observe.estimates import Estimates
from gateway.state.records.contract import Records, RecordsUnusable
from gateway.state.records.open import state_folder


class Books:
    """The database of records, and the ledger in front of it; neither where the configuration has none."""

    __slots__ = ("_writer", "ledger", "records", "spending")

    def __init__(self, config: Config, records: Records | None, estimates: Estimates, counters: Counters) -> None:
        """Make the journal, and begin to write what stands in it. Raises RecordsUnusable."""
        self.records = records
        self.ledger: Ledger | None = None
        self.spending: Spending | None = None
        settings = config.state.records
        if records is not None and settings is not None:
            folder = _folder(settings)
            journal = _journal(folder, settings.journal_bytes // config.server.workers)
            self.ledger = Ledger(journal, estimates, counters)
            self._writer = Writer(self.ledger, records, folder, counters, settings.keep_days)
            self._writer.start()
            self.spending = Spending(records, self._writer.write)

    def gauges(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """What waits to be written, for /metrics."""
        if self.ledger is not None:
            yield "ledger_backlog_bytes", (), self.ledger.journal.held

    async def close(self) -> None:
        """Write what is left, and close the database."""
        if self.records is not None:
            await self._writer.close()
            await self.records.close()


def _journal(folder: Path, most: int) -> Journal:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        return Journal(folder, most)
    except OSError as error:
        raise RecordsUnusable(f"The ledger's journal in {folder} can't be made: {error.strerror}.") from None


def _folder(settings: Settings) -> Path:
    """A folder for each database: what was meant for one must not be written to another.

    User and password are left out, so that a new password does not part a journal from its database.
    """
    parts = urlsplit(settings.url or "")
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return state_folder(settings) / f"journal-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
