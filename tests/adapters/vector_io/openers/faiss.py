"""Vectors in memory, texts in SQLite files."""

from tests.adapters.vector_io.openers import embedded

OPENER = embedded("faiss")
