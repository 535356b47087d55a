"""What the router asks of those who know the targets' state: whom to try, whether there is room, how it went."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from adapters.inference.contract import Target
from gateway.call import Attempt, Call
from gateway.route import Route


class Balance(Protocol):
    """Strategies, cooldown and concurrency, as the router sees them."""

    def order(self, call: Call, route: Route) -> Sequence[Target]:
        """The targets to try, in order, without those that rest. Raises Overloaded when all of them do."""
        ...

    def enter(self, call: Call, target: Target) -> Awaitable[None] | None:
        """Wait for a place at a target, no longer than the call has. Raises Overloaded when there is none.

        None where nobody has to wait: the usual case costs no coroutine then.
        """
        ...

    def leave(self, target: Target, attempt: Attempt | None) -> None:
        """Give the place back: the attempt has ended, a stream at its last byte; None where there was none."""
        ...

    def first_content_within(self, target: Target, quantile: float) -> float | None:
        """Seconds within which this part of the target's answers began; None while too few are known."""
        ...
