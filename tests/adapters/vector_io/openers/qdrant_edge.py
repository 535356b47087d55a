"""Vectors in Qdrant Edge, texts in SQLite files."""

from tests.adapters.vector_io.openers import embedded

OPENER = embedded("qdrant_edge", one_process=True)
