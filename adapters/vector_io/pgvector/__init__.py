"""PostgreSQL with the extension pgvector: vectors, texts and words in tables, changed in transactions."""

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from config.values import shown


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A database; every gateway that names it shares its stores."""

    url: str
    """postgresql://user:password@host/database; the role may make tables, and the extension, unless it is there."""
    connections: Annotated[int, Meta(ge=1, le=1_000)] = 8
    """Of each worker, at most; none while nothing is asked."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 30
    """For one search or one write, its wait for a connection included."""
    search_breadth: Annotated[int, Meta(ge=10, le=1_000)] = 200
    """Vectors that a search weighs at once (`hnsw.ef_search`): more finds better and takes longer."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("url",))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    try:
        from adapters.vector_io.pgvector.backend import Pgvector
    except ImportError as error:
        raise ImportError("the vector backend pgvector needs asyncpg: pip install 'isthmus[pgvector]'") from error
    return Pgvector(name, options)


async def _look(name: str, options: Options, folder: Path) -> None:
    _open(name, options, folder)  # what is installed is seen by this; it connects to nothing yet
    from adapters.vector_io.pgvector.look import look

    await look(name, options.url)


BACKEND = BackendType("pgvector", Options, _open, look=_look)
