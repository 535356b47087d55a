"""A route: a name that clients ask for, with what answers it and how."""

from typing import Any

from adapters.inference.contract import Target
from config.facts import Facts
from config.routing import Deployment, Model
from gateway.routing.traffic import Budget


class Route:
    """A name, and its targets in the order in which the configuration lists them."""

    __slots__ = (
        "budget",
        "deployments",
        "digests",
        "facts",
        "forwarded",
        "identity",
        "irrelevant",
        "is_plain",
        "name",
        "settings",
        "shadow",
        "shadow_facts",
        "targets",
        "workers",
    )

    def __init__(
        self,
        name: str,
        settings: Model,
        targets: tuple[Target, ...],
        facts: tuple[Facts | None, ...],
        shadow: Target | None = None,
        shadow_facts: Facts | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.targets = targets
        self.deployments: tuple[Deployment, ...] = tuple(settings.deployments)
        """Of the same index as their targets."""
        self.facts = facts
        """The same."""
        self.identity = b""
        """What of it decides answers, as a digest; empty until somebody wants to know: see fingerprint.py."""
        self.irrelevant: frozenset[str] = frozenset()
        """Fields of requests that do not change answers; known with `identity`."""
        self.forwarded: tuple[bytes, ...] = ()
        """Headers of the client that go on to a provider of it; known with `identity`."""
        self.digests: dict[object, Any] = {}
        """Beginnings of its calls' digests; those of fingerprint.py."""
        self.shadow = shadow
        """Where copies of some calls go."""
        self.shadow_facts = shadow_facts
        self.budget = Budget(settings.retry.budget)
        """For what is asked again."""
        self.workers = 1 + (settings.hedge is not None) + (settings.broken_stream == "continue")
        """How many targets may each do the whole work of a call."""
        self.is_plain = (
            settings.hedge is None
            and shadow is None
            and settings.broken_stream == "error"
            and "content_filter" not in settings.fallback_on
        )
        """Whether its calls need nothing but an answer."""

    def facts_of(self, target: Target) -> Facts | None:
        """What is known of one of its targets, or of its shadow; None of any other."""
        if target is self.targets[0]:
            return self.facts[0]
        for known, facts in zip(self.targets, self.facts, strict=True):
            if known is target:
                return facts
        return self.shadow_facts if target is self.shadow else None
