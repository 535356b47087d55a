"""Embedded vector backends against each other: `python -m benchmarks.vectors` (one, or several, by name)."""
