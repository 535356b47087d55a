"""The simplest balance: the targets as they are listed, with room at each."""

from collections.abc import Sequence

from adapters.inference.contract import Target
from gateway.call import Attempt, Call
from gateway.route import Route


class InOrder:
    """Stands in for strategies, cooldown and concurrency."""

    def order(self, call: Call, route: Route) -> Sequence[Target]:
        """All of them."""
        return route.targets

    def enter(self, call: Call, target: Target) -> None:
        """Nobody waits."""

    def leave(self, target: Target, attempt: Attempt | None) -> None:
        """Nothing is learned."""

    def first_content_within(self, target: Target, quantile: float) -> float | None:
        """Nobody knows."""
        return None
