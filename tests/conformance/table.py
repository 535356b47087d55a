"""The table of docs/conformance.md: which operations were seen to fit OpenAI's description."""

from collections.abc import Sequence
from pathlib import Path

from tests.conformance.description import Operation
from tests.conformance.watching import Watch

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
START, END = "<!-- operations -->", "<!-- end of operations -->"
_HEAD = "| operation | request and answer fit the description |\n|---|---|\n"


def table(operations: Sequence[Operation], watch: Watch) -> str:
    """A row for each operation."""
    return _HEAD + "".join(f"| `{each}` | {_verdict(each, watch)} |\n" for each in operations)


def _verdict(operation: Operation, watch: Watch) -> str:
    return "yes" if watch.conforming[operation] else "not seen"
