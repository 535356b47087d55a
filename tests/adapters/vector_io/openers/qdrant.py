"""A stand-in of a Qdrant server, one for all tests of a process; each folder has a prefix of its own."""

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from config.vector_stores import Backend
from tests.adapters.vector_io.openers import Opener, Place
from tests.adapters.vector_io.qdrant.server import API_KEY, QdrantServer


class Prefixed(Place, frozen=True):
    """The place of a backend."""

    server: QdrantServer
    prefix: str

    def settings(self) -> tuple[Backend, Path]:
        options = {"url": self.server.url, "api_key": API_KEY, "prefix": self.prefix}
        return Backend(type="qdrant", options=options), Path()

    def away(self) -> AbstractContextManager[None]:
        return self.server.away()


@functools.cache
def server() -> QdrantServer:
    return QdrantServer()


@contextmanager
def place(folder: Path) -> Iterator[Prefixed]:
    yield Prefixed(server(), f"{folder.name}-"[-64:].lstrip("-"))


OPENER = Opener("qdrant", place, words_tolerance=0.2)
