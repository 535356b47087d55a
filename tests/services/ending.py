"""Services that many tests share, and that end with the tests' process."""

import atexit
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

_T = TypeVar("_T")

_KEPT = ExitStack()
atexit.register(_KEPT.close)


def kept(service: AbstractContextManager[_T]) -> _T:
    """Start it; it ends when the process does."""
    return _KEPT.enter_context(service)
