"""Milvus' own client, which blocks, over Milvus Lite or a server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from adapters.vector_io.contract import BackendUnavailable
from adapters.vector_io.milvus.lite import Lite, LiteFault

if TYPE_CHECKING:
    from adapters.vector_io.milvus import Options
    from adapters.vector_io.milvus.collections import Collections

_T = TypeVar("_T")


class Milvus:
    """A server, or a folder with Milvus Lite; it may go away at any time and is used again once it is back."""

    def __init__(self, name: str, options: "Options", folder: Path) -> None:
        self._name = name
        self._options = options
        self._lite = None if options.is_remote else Lite(folder / (options.uri or ""))
        self._collections: Collections | None = None
        self._starts = 0
        self._connecting = Lock()

    def ask(self, work: Callable[["Collections"], _T], otherwise: Mapping[str, _T]) -> _T:
        """Do something with its collections. Raises BackendUnavailable."""
        from grpc import RpcError
        from pymilvus import MilvusException

        from adapters.vector_io.milvus.collections import means_missing, reason

        try:
            return work(self._connected())
        except MilvusException as error:
            if means_missing(error) and "missing" in otherwise:
                return otherwise["missing"]
            raise BackendUnavailable(f"{self._name}: {reason(error)}") from None
        except (RpcError, LiteFault, OSError, ValueError) as error:
            raise BackendUnavailable(f"{self._name}: {_why(error)}") from None

    def _connected(self) -> "Collections":
        from adapters.vector_io.milvus.collections import Collections

        options = self._options
        with self._connecting:
            uri, starts = (self._lite.address(), self._lite.starts) if self._lite else (options.uri or "", 0)
            if self._collections is None or starts != self._starts:  # a connection waits long before it tries again
                place = {"uri": uri, "token": options.token or "", "db_name": options.database or ""}
                self._collections, self._starts = Collections(options.timeout_seconds, **place), starts
            return self._collections

    def close(self) -> None:
        """Let go of it."""
        if self._collections is not None:
            self._collections.close()
        if self._lite is not None:
            self._lite.close()


def _why(error: Exception) -> str:
    """What kept Milvus from answering, without the place where it is."""
    if isinstance(error, LiteFault):
        return str(error)
    code = getattr(error, "code", None)  # of gRPC's errors
    return f"Milvus can't be reached: {code().name if code is not None else type(error).__name__}"
