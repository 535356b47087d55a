"""Milvus Lite, whose process all tests share, as the workers of a gateway do: it is slow to start."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.vector_io.milvus.lite import Lite
from tests.adapters.vector_io.openers import Folder, Opener
from tests.services.ending import kept


@functools.cache
def shared() -> Path:
    """The folder of all tests."""
    pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")
    folder = Path(kept(tempfile.TemporaryDirectory(prefix="isthmus-milvus-")))
    kept(closing(Lite(folder))).address()
    return folder


@contextmanager
def place(folder: Path) -> Iterator[Folder]:
    """That folder."""
    yield Folder("milvus", shared())


OPENER = Opener("milvus_lite", place, words_tolerance=0.001)
