"""Half a minute of the chaos run: every feature is on, everything fails in turn, and nothing comes out wrong."""

import asyncio
from pathlib import Path

from benchmarks.chaos.run import run


def test_nothing_is_lost_doubled_or_overspent_while_everything_fails(tmp_path: Path) -> None:
    report = asyncio.run(run(seconds=25, rate=30, seed=1, folder=tmp_path))
    assert report.wrong == [], report.text
