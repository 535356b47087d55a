"""A Weaviate server or cluster, through its official client: REST for collections, gRPC for all else."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import by_asking
from config.values import shown


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is; version 1.33 or later, whose filters have `Not`."""

    url: str
    """http(s)://host:port of its REST API."""
    grpc: str | None = None
    """host:port of its gRPC API; unless said, port 50051 of the same host, or 443 with https."""
    api_key: str | None = None
    """Sent with each request."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 30
    """For one request."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 8
    """Requests of each worker that are under way at once; others wait."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("url", "api_key"))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    if find_spec("weaviate") is None:
        raise ImportError(
            "the vector backend weaviate needs weaviate-client: pip install 'isthmus[weaviate]'", name="weaviate"
        )
    from adapters.vector_io.threaded import Threaded
    from adapters.vector_io.weaviate.backend import Weaviate

    return Threaded(Weaviate(name, options), options.connections, f"weaviate-{name}")


BACKEND = BackendType("weaviate", Options, _open, look=by_asking(_open))
