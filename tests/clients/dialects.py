"""Services that speak another language, behind the gateway: how each is configured, and what it can't do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.upstream.dialects.asked import KEY


@dataclass(frozen=True)
class Dialect:
    """One service of tests/upstream/dialects. `settings` gets the URL below which the service answers."""

    name: str
    settings: Callable[[str], dict[str, Any]]
    model: str = "talker"
    embedder: str | None = None
    most_inputs: int | None = None
    """How many inputs an embeddings request of the service takes."""
    lacks: frozenset[str] = field(default_factory=frozenset)
    """What the service has no words for, as the tests name it: `images`, `json_schema`, `stop`, `tool_choice`, …"""

    def __str__(self) -> str:
        return self.name


DIALECTS = (
    Dialect("anthropic", lambda root: {"base_url": f"{root}/v1", "api_key": KEY}),
    Dialect(
        "ollama",
        lambda root: {"dialect": "ollama", "base_url": root, "api_key": KEY},
        embedder="embedder",
        # It calls what tools it likes, and thinks without a signature.
        lacks=frozenset({"tool_choice", "parallel_tool_calls=false", "signatures"}),
    ),
)
