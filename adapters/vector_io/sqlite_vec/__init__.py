"""Chunks in SQLite with sqlite-vec: a file for each store, which several processes may use at once."""

from pathlib import Path

from msgspec import Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import at_folder


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a backend of this type may say."""

    folder: str | None = None
    """Where its files are; in the folder of state unless said. It must be on a disk of this machine."""


def _place(options: Options, folder: Path) -> Path:
    return Path(options.folder) if options.folder else folder


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    try:
        from adapters.vector_io.sqlite.backend import SqliteBackend
        from adapters.vector_io.sqlite_vec.vectors import BySigns
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'isthmus[sqlite-vec]'") from error
    return SqliteBackend(name, _place(options, folder), BySigns())


BACKEND = BackendType("sqlite_vec", Options, _open, look=at_folder(_open, _place))
