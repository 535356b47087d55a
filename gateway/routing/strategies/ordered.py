"""`ordered`: as the configuration lists them."""

from gateway.call import Call
from gateway.routing.strategies.contract import Candidates


class Ordered:
    """The first that can be asked."""

    __slots__ = ()

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """As they are."""
        return candidates
