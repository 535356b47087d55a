"""Where records are, by the configuration: a PostgreSQL database, or a SQLite file of this machine."""

import os
from pathlib import Path

from config.state import Records as Settings
from gateway.state.records.contract import Records, RecordsUnusable

SQLITE = "sqlite:///"
_FILE = "records.db"


def state_folder(settings: Settings) -> Path:
    """The folder of what is kept on this machine, made where it is not there.

    https://specifications.freedesktop.org/basedir-spec/latest/ says where. Raises RecordsUnusable.
    """
    if settings.folder is not None:
        folder = Path(settings.folder)
    else:
        base = os.environ.get("XDG_STATE_HOME", "")
        folder = (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "isthmus"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RecordsUnusable(f"The folder {folder} of state.records can't be made: {error.strerror}.") from None
    return folder


def open_records(settings: Settings) -> Records:
    """The database. Raises RecordsUnusable, but not for one that is only down."""
    if settings.url is None:
        return _sqlite(state_folder(settings) / _FILE)
    if settings.url.startswith(SQLITE):
        return _sqlite(Path(settings.url.removeprefix(SQLITE)))
    try:
        from gateway.state.records.postgres import PostgresRecords
    except ImportError:
        raise RecordsUnusable(
            "state.records.url names a PostgreSQL database, and its driver is not installed: "
            "pip install 'isthmus[postgres]'."
        ) from None
    return PostgresRecords(settings.url)


def _sqlite(path: Path) -> Records:
    from gateway.state.records.sqlite import SqliteRecords  # whoever has no database should not pay for its code

    return SqliteRecords(path)
