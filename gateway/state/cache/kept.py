"""All that one process keeps of answers, from one configuration to the next."""

from gateway.state.cache.memory import Memory


class Kept:
    """The answers, and what finds them."""

    __slots__ = ("answers",)

    def __init__(self) -> None:
        self.answers = Memory(0)
        """Bounded by what the configuration says."""
