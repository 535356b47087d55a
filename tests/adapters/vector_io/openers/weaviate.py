"""The official client against a stand-in for the server."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.registry import open_backend
from config.vector_stores import Backend
from tests.adapters.vector_io.openers import Opener
from tests.services.ending import kept

if TYPE_CHECKING:
    from tests.services.weaviate import WeaviateServer


class StandIn(Struct, frozen=True):
    """The place of a backend."""

    server: Any

    def open(self) -> VectorBackend:
        options = {"url": self.server.url, "grpc": f"127.0.0.1:{self.server.grpc_port}", "timeout_seconds": 5}
        return open_backend("test", Backend(type="weaviate", options=options), Path())

    @contextmanager
    def away(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


@functools.cache
def server() -> "WeaviateServer":
    """That of all tests of this process."""
    from tests.services.weaviate import WeaviateServer

    return kept(WeaviateServer())


@contextmanager
def place(folder: Path) -> Iterator[StandIn]:
    """That server."""
    pytest.importorskip("weaviate", reason="the extra weaviate is not installed")
    yield StandIn(server())


OPENER = Opener("weaviate", place)
