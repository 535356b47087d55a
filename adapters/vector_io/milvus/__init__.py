"""Milvus: Milvus Lite in a folder of this machine, or a server or cluster. Which of them, `uri` alone says."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import at_folder, by_asking
from config.values import shown


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is."""

    uri: str | None = None
    """http(s)://host:port of a server or cluster; or a folder for Milvus Lite, the gateway's own unless said."""
    token: str | None = None
    """user:password, or an API key."""
    database: str | None = None
    """A database of the server; its default one unless said."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 30
    """For one search or one write."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 8
    """Requests of each worker that are under way at once; others wait."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("uri", "token"))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    @property
    def is_remote(self) -> bool:
        """Whether it is a server, and no folder."""
        return (self.uri or "").startswith(("http://", "https://", "tcp://"))


def lite_folder(options: Options, folder: Path) -> Path:
    """Where Milvus Lite keeps its files."""
    return folder / (options.uri or "")


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    needed = ("pymilvus",) if options.is_remote else ("pymilvus", "milvus_lite")
    if missing := [package for package in needed if find_spec(package) is None]:
        raise ImportError(
            f"the vector backend milvus needs {' and '.join(missing)}: pip install 'isthmus[milvus]'", name=missing[0]
        )
    from adapters.vector_io.milvus.backend import Milvus
    from adapters.vector_io.threaded import Threaded

    return Threaded(Milvus(name, options, folder), options.connections, f"milvus-{name}")


async def _look(name: str, options: Options, folder: Path) -> None:
    look = by_asking(_open) if options.is_remote else at_folder(_open, lite_folder)
    await look(name, options, folder)


BACKEND = BackendType("milvus", Options, _open, look=_look)
