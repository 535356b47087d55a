"""A Chroma server, which several gateways may share."""

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.vector_io.chroma import demand
from adapters.vector_io.contract import BackendType, VectorBackend
from adapters.vector_io.looks import by_asking
from config.values import shown


class Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is."""

    url: str
    """http(s)://host:port."""
    token: str | None = None
    """Sent as `Authorization: Bearer …`."""
    tenant: str = "default_tenant"
    """Of the server."""
    database: str = "default_database"
    """Of the tenant."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3_600)] = 30
    """For one request."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 8
    """Requests of each worker that are under way at once; others wait."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("url", "token"))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def _open(name: str, options: Options, folder: Path) -> VectorBackend:
    demand()
    from adapters.vector_io.chroma.backend import Chroma, served
    from adapters.vector_io.threaded import Threaded

    connect = served(options.url, options.token, options.tenant, options.database, options.timeout_seconds)
    return Threaded(Chroma(name, connect), options.connections, f"chroma-{name}")


BACKEND = BackendType("chroma_server", Options, _open, look=by_asking(_open))
