"""SQLite files."""

from tests.adapters.vector_io.openers import embedded

OPENER = embedded("sqlite_vec")
