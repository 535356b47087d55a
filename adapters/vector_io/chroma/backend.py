"""Chroma's own client, which blocks, over a folder or a server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from adapters.vector_io.contract import BackendUnavailable

if TYPE_CHECKING:
    from adapters.vector_io.chroma.collections import Collections

_T = TypeVar("_T")
Connect: TypeAlias = "Callable[[], Collections]"

_SHOWN = 200


class Chroma:
    """A folder or a server, which may go away at any time and is used again once it is back."""

    def __init__(self, name: str, connect: Connect) -> None:
        self._name = name
        self._connect = connect
        self._collections: Collections | None = None
        self._connecting = Lock()

    def ask(self, work: Callable[["Collections"], _T], otherwise: Mapping[str, _T]) -> _T:
        """Do something with its collections. Raises BackendUnavailable."""
        from chromadb.errors import ChromaError, NotFoundError

        try:
            with self._connecting:
                if self._collections is None:
                    self._collections = self._connect()
            return work(self._collections)
        except NotFoundError:
            if "missing" in otherwise:
                return otherwise["missing"]
            raise BackendUnavailable(f"{self._name}: Chroma has no such store") from None
        except ChromaError as error:
            raise BackendUnavailable(f"{self._name}: Chroma answers: {str(error)[:_SHOWN]}") from None
        except Exception as error:  # noqa: BLE001 - its client lets those of its own parts through
            raise BackendUnavailable(f"{self._name}: Chroma can't be reached: {type(error).__name__}") from None

    def close(self) -> None:
        """Let go of it."""
        if self._collections is not None:
            self._collections.close()


def embedded(folder: Path) -> Connect:
    """How a folder is opened."""

    def connect() -> "Collections":
        import chromadb
        from chromadb.config import Settings

        from adapters.vector_io.chroma.collections import Collections

        folder.mkdir(parents=True, exist_ok=True)
        return Collections(chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False)))

    return connect


def served(url: str, token: str | None, tenant: str, database: str, timeout: float) -> Connect:
    """How a server is reached."""

    def connect() -> "Collections":
        import chromadb
        from chromadb.config import Settings

        from adapters.vector_io.chroma.collections import Collections

        place = urlsplit(url)
        secure = place.scheme == "https"
        client: Any = chromadb.HttpClient(
            host=place.hostname or "localhost",
            port=place.port or (443 if secure else 80),
            ssl=secure,
            headers={"authorization": f"Bearer {token}"} if token else {},
            settings=Settings(anonymized_telemetry=False),
            tenant=tenant,
            database=database,
        )
        client._server._session.timeout = timeout  # it waits for ever, and its settings don't say otherwise
        return Collections(client)

    return connect
