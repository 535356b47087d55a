"""A real server behind a URL, one for all tests."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.adapters.vector_io.openers import Opener, Served
from tests.services.chroma import ChromaServer
from tests.services.ending import kept


@functools.cache
def server() -> ChromaServer:
    """That of all tests of this process."""
    return kept(ChromaServer())


@contextmanager
def place(folder: Path) -> Iterator[Served]:
    """That server."""
    yield Served("chroma_server", server(), {"url": server().url})


OPENER = Opener("chroma_server", place)
