"""All that one process keeps of answers, from one configuration to the next."""

import time
from collections.abc import Callable

from gateway.state.cache.contract import SemanticIndex
from gateway.state.cache.memory import Memory


class Kept:
    """The answers, and what finds them."""

    __slots__ = ("answers", "similar")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.answers = Memory(0, clock)
        """Bounded by what the configuration says."""
        self.similar: SemanticIndex | None = None
        """Made for the first configuration that looks for questions in other words."""
