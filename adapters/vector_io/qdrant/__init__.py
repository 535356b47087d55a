"""A Qdrant server, through its official client: a collection for each store."""

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import by_asking
from config.values import shown


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A server; every gateway that names it, with the same prefix, shares its stores."""

    url: str
    """For example http://qdrant:6333."""
    api_key: str | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 30
    """For one request."""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{0,64}$")] = "isthmus-"
    """The names of its collections begin with this."""
    replicas: Annotated[int, Meta(ge=1, le=64)] = 1
    """Copies of each collection in a cluster, for stores that are made from now on."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("api_key",))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    try:
        from adapters.vector_io.qdrant.backend import Qdrant
    except ImportError as error:
        raise ImportError("the vector backend qdrant needs qdrant-client: pip install 'isthmus[qdrant]'") from error
    return Qdrant(name, options)


BACKEND = BackendType("qdrant", Options, _open, look=by_asking(_open))
