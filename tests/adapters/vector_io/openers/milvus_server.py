"""A real server behind a URL, one for all tests."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.adapters.vector_io.openers import Opener, Served
from tests.services.ending import kept
from tests.services.milvus import MilvusServer


@functools.cache
def server() -> MilvusServer:
    """That of all tests of this process."""
    return kept(MilvusServer())


@contextmanager
def place(folder: Path) -> Iterator[Served]:
    """That server."""
    yield Served("milvus", server(), {"uri": server().url})


OPENER = Opener("milvus_server", place, twin=True)
