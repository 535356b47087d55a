"""What a strategy is given, and what it gives."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from adapters.inference.contract import Target
from config.facts import Facts
from config.routing import Deployment
from gateway.call import Call
from gateway.routing.standing import Standing


class Candidate:
    """A target of a route that does not rest, with all that a strategy may go by."""

    __slots__ = ("deployment", "facts", "standing", "target")

    def __init__(self, target: Target, deployment: Deployment, facts: Facts | None, standing: Standing) -> None:
        self.target = target
        self.deployment = deployment
        self.facts = facts
        self.standing = standing


Candidates: TypeAlias = Sequence[Candidate]


class Strategy(Protocol):
    """Puts candidates in order. One object serves a route as long as its configuration does."""

    def order(self, call: Call, candidates: Candidates) -> Candidates:
        """Whom to ask first, and who follows after a fault. At least one candidate is given."""
        ...
