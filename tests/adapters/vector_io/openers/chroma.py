"""Chroma in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adapters.vector_io.openers import Folder, Opener


@contextmanager
def place(folder: Path) -> Iterator[Folder]:
    """A folder."""
    pytest.importorskip("chromadb", reason="the extra chroma is not installed")
    yield Folder("chroma", folder)


OPENER = Opener("chroma", place, one_process=True, embedded=True)
