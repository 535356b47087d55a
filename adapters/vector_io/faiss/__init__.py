"""Vectors in memory, searched by FAISS; texts, attributes and words in SQLite, which has the vectors too."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import at_folder


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a backend of this type may say."""

    folder: str | None = None
    """Where its files are; in the folder of state unless said. It must be on a disk of this machine."""
    index: Literal["flat", "hnsw"] = "flat"
    """Every vector is compared; or a graph is followed, which is quick for millions and slow to build."""
    open_stores: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """Stores whose vectors are in memory at once, in each worker; those used longest ago make room."""


def _place(options: Options, folder: Path) -> Path:
    return Path(options.folder) if options.folder else folder


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    try:
        from adapters.vector_io.faiss.index import FaissIndex
        from adapters.vector_io.sqlite.backend import SqliteBackend
        from adapters.vector_io.sqlite.followed import Followed
    except ImportError as error:
        raise ImportError(f"{error}: pip install 'isthmus[faiss]'") from error
    vectors = Followed(partial(FaissIndex, graph=options.index == "hnsw"), options.open_stores)
    return SqliteBackend(name, _place(options, folder), vectors)


BACKEND = BackendType("faiss", Options, _open, look=at_folder(_open, _place))
