"""Weaviate's own client, which blocks, over a server."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from adapters.vector_io.contract import BackendUnavailable

if TYPE_CHECKING:
    from adapters.vector_io.weaviate import Options
    from adapters.vector_io.weaviate.collections import Collections

_T = TypeVar("_T")

_GRPC_PORT = 50_051


class Weaviate:
    """A server, which may go away at any time and is used again once it is back."""

    def __init__(self, name: str, options: "Options") -> None:
        self._name = name
        self._options = options
        self._collections: Collections | None = None
        self._connecting = Lock()

    def ask(self, work: Callable[["Collections"], _T], otherwise: Mapping[str, _T]) -> _T:
        """Do something with its collections. Raises BackendUnavailable."""
        from adapters.vector_io.weaviate.collections import Missing

        try:
            with self._connecting:
                if self._collections is None:
                    self._collections = self._connected()
            return work(self._collections)
        except Missing:
            if "missing" in otherwise:
                return otherwise["missing"]
            raise BackendUnavailable(f"{self._name}: Weaviate has no such store") from None
        except Exception as error:  # noqa: BLE001 - its client lets those of its own parts through
            raise BackendUnavailable(f"{self._name}: Weaviate fails: {type(error).__name__}") from None

    def close(self) -> None:
        """Let go of it."""
        if self._collections is not None:
            self._collections.close()

    def _connected(self) -> "Collections":
        import weaviate
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout

        from adapters.vector_io.weaviate.collections import Collections

        options = self._options
        place = urlsplit(options.url)
        secure = place.scheme == "https"
        host, grpc = place.hostname or "localhost", urlsplit(f"//{options.grpc or ''}")
        seconds = options.timeout_seconds
        client = weaviate.connect_to_custom(
            http_host=host,
            http_port=place.port or (443 if secure else 80),
            http_secure=secure,
            grpc_host=grpc.hostname or host,
            grpc_port=grpc.port or (443 if secure else _GRPC_PORT),
            grpc_secure=secure,
            auth_credentials=Auth.api_key(options.api_key) if options.api_key else None,
            additional_config=AdditionalConfig(timeout=Timeout(init=seconds, query=seconds, insert=seconds)),
            skip_init_checks=True,  # one of them asks a registry of packages for newer versions
        )
        return Collections(client)
