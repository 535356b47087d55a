"""Where records are, by the configuration: a PostgreSQL database, or a SQLite file of this machine."""

import os
from pathlib import Path

from config.state import Records as Settings
from gateway.state.records.contract import Records, RecordsUnusable

SQLITE = "sqlite:///"
FILE = "records.db"
"""In the folder of state, unless a URL says otherwise."""
NO_DRIVER = (
    "state.records.url names a PostgreSQL database, and its driver is not installed: pip install 'isthmus[postgres]'."
)


def place_of_state(settings: Settings) -> Path:
    """The folder of what is kept on this machine, which need not be there yet.

    https://specifications.freedesktop.org/basedir-spec/latest/ says where.
    """
    if settings.folder is not None:
        return Path(settings.folder)
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "isthmus"


def state_folder(settings: Settings) -> Path:
    """The same folder, made where it is not there. Raises RecordsUnusable."""
    folder = place_of_state(settings)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RecordsUnusable(f"The folder {folder} of state.records can't be made: {error.strerror}.") from None
    return folder


def open_records(settings: Settings) -> Records:
    """The database. Raises RecordsUnusable, but not for one that is only down."""
    if settings.url is None:
        return _sqlite(state_folder(settings) / FILE)
    if settings.url.startswith(SQLITE):
        return _sqlite(Path(settings.url.removeprefix(SQLITE)))
    try:
        from gateway.state.records.postgres import PostgresRecords
    except ImportError:
        raise RecordsUnusable(NO_DRIVER) from None
    return PostgresRecords(settings.url)


def _sqlite(path: Path) -> Records:
    from gateway.state.records.sqlite import SqliteRecords  # whoever has no database should not pay for its code

    return SqliteRecords(path)
