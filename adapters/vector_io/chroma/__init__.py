"""Chroma in the gateway's own process, over a folder. Its files bear one process only."""

from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import at_folder


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it keeps its files."""

    folder: str | None = None
    """The gateway's own unless said."""


def demand() -> None:
    """Raise ImportError where Chroma is not installed."""
    if find_spec("chromadb") is None:
        raise ImportError("the vector backend chroma needs chromadb: pip install 'isthmus[chroma]'", name="chromadb")


def _place(options: Options, folder: Path) -> Path:
    return folder / (options.folder or "")


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    demand()
    from adapters.vector_io.chroma.backend import Chroma, embedded
    from adapters.vector_io.threaded import Threaded

    return Threaded(Chroma(name, embedded(_place(options, folder))), 4, f"chroma-{name}")


BACKEND = BackendType("chroma", Options, _open, one_process=True, look=at_folder(_open, _place))
