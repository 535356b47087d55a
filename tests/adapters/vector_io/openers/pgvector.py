"""A real PostgreSQL with pgvector, one for all tests; each folder has a database of its own."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.vector_stores import Backend
from tests.adapters.vector_io.openers import Opener, Place
from tests.services.ending import kept
from tests.services.postgres import PostgresServer


class Database(Place, frozen=True):
    """The place of a backend."""

    server: PostgresServer
    url: str

    def settings(self) -> tuple[Backend, Path]:
        return Backend(type="pgvector", options={"url": self.url}), Path()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.server.stop(crash=True)
        try:
            yield
        finally:
            self.server.start()


@functools.cache
def server() -> PostgresServer:
    """That of all tests of this process."""
    return kept(PostgresServer(extension="vector"))


@contextmanager
def place(folder: Path) -> Iterator[Database]:
    """An empty database."""
    yield Database(server(), server().new_database())


OPENER = Opener("pgvector", place)
