"""`isthmus version`."""

from argparse import Namespace
from importlib.metadata import version


def run(arguments: Namespace) -> int:
    """Print the version."""
    print(f"isthmus {version('isthmus')}")
    return 0
