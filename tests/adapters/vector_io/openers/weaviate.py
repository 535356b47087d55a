"""The official client against a stand-in for the server."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.adapters.vector_io.openers import Opener, Served
from tests.services.ending import kept

if TYPE_CHECKING:
    from tests.services.weaviate import WeaviateServer


@functools.cache
def server() -> "WeaviateServer":
    """That of all tests of this process."""
    from tests.services.weaviate import WeaviateServer

    return kept(WeaviateServer())


@contextmanager
def place(folder: Path) -> Iterator[Served]:
    """That server."""
    pytest.importorskip("weaviate", reason="the extra weaviate is not installed")
    started = server()
    options = {"url": started.url, "grpc": f"127.0.0.1:{started.grpc_port}", "timeout_seconds": 5}
    yield Served("weaviate", started, options)


OPENER = Opener("weaviate", place)
