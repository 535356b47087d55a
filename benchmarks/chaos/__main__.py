"""`python -m benchmarks.chaos`: run it, print the report, exit with 1 where anything was wrong."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.run import run


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long traffic runs (300)")
    parser.add_argument("--rate", type=float, default=60, help="requests a second (60)")
    parser.add_argument("--seed", type=int, default=1, help="decides traffic and faults (1)")
    parser.add_argument("--report", type=Path, help="also write the report there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isthmus-chaos-") as folder:
        report = asyncio.run(run(arguments.seconds, arguments.rate, arguments.seed, Path(folder)))
    print(report.text)
    if arguments.report:
        arguments.report.write_text(report.text)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
