"""A real server behind a URL, one for all tests."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from adapters.vector_io.contract import VectorBackend
from adapters.vector_io.registry import open_backend
from config.vector_stores import Backend
from tests.adapters.vector_io.openers import Opener
from tests.services.ending import kept
from tests.services.milvus import MilvusServer


class Served(Struct, frozen=True):
    """The place of a backend."""

    server: MilvusServer

    def open(self) -> VectorBackend:
        return open_backend("test", Backend(type="milvus", options={"uri": self.server.url}), Path())

    @contextmanager
    def away(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


@functools.cache
def server() -> MilvusServer:
    """That of all tests of this process."""
    return kept(MilvusServer())


@contextmanager
def place(folder: Path) -> Iterator[Served]:
    """That server."""
    yield Served(server())


OPENER = Opener("milvus_server", place, twin=True)
