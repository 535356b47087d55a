"""Chunks in SQLite files, one for each store: texts, attributes and words, for backends that keep them here."""
