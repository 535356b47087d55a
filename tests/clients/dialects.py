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
    family: str = ""
    """What the names of its models begin with, where a service has models of several makers."""
    embedder: str | None = None
    most_inputs: int | None = None
    """How many inputs an embeddings request of the service takes."""
    lacks: frozenset[str] = field(default_factory=frozenset)
    """What the service has no words for, as the tests name it: `images`, `json_schema`, `stop`, `tool_choice`, …"""

    @property
    def model(self) -> str:
        """The model that talks, as a client of the gateway names it."""
        return f"{self.name}/{self.family}talker"

    def refusing(self, status: int) -> str:
        """The model that refuses."""
        return f"{self.name}/{self.family}error-{status}"

    def __str__(self) -> str:
        return self.name


def anthropic_older(root: str) -> dict[str, Any]:
    """The settings of Anthropic under another name, for models that think within a budget."""
    return {"extends": "anthropic", "base_url": f"{root}/v1", "api_key": KEY}


def gemini(root: str) -> dict[str, Any]:
    """The settings of Gemini, for models whose thinking has levels and those whose has a budget."""
    base_url, auth = f"{root}/v1beta", "header:x-goog-api-key"
    return {"dialect": "gemini", "base_url": base_url, "auth": auth, "api_key": KEY, "embeddings": {"max_inputs": 100}}


def vertex(root: str) -> dict[str, Any]:
    options = {"project": "lab", "location": "europe-west4"}
    return {
        "dialect": "vertex",
        "base_url": root,
        "api_key": KEY,
        "options": options,
        "embeddings": {"max_inputs": 250},
    }


def bedrock(root: str) -> dict[str, Any]:
    """The settings of Bedrock, whichever family of models is asked."""
    signer = {"region": "eu-central-1", "access_key_id": "AKIASCRIPTED", "secret_access_key": KEY}
    return {"dialect": "bedrock", "base_url": root, "options": signer}


DIALECTS = (
    Dialect("anthropic", lambda root: {"base_url": f"{root}/v1", "api_key": KEY}, family="claude-opus-5-"),
    Dialect("anthropic-older", anthropic_older, family="claude-sonnet-4-5-"),
    Dialect("bedrock", bedrock, family="eu.anthropic.claude-sonnet-4-5-", embedder="cohere.embed-v4:0", most_inputs=96),
    Dialect(
        "bedrock-nova",
        bedrock,
        family="amazon.nova-pro-",
        embedder="amazon.titan-embed-text-v1",
        most_inputs=1,
        lacks=frozenset({"parallel_tool_calls=false", "dimensions", "signatures"}),
    ),
    Dialect(
        "cohere",
        lambda root: {"dialect": "cohere", "base_url": root, "api_key": KEY},
        embedder="embedder",
        most_inputs=96,
        lacks=frozenset({"parallel_tool_calls=false", "signatures"}),
    ),
    Dialect("gemini", gemini, embedder="embedder", most_inputs=100, lacks=frozenset({"parallel_tool_calls=false"})),
    Dialect("gemini-older", gemini, family="gemini-2.5-", lacks=frozenset({"parallel_tool_calls=false"})),
    Dialect(
        "vertex",
        vertex,
        embedder="text-embedder",
        most_inputs=250,
        lacks=frozenset({"parallel_tool_calls=false"}),
    ),
    Dialect("vertex-claude", vertex, family="claude-"),
    Dialect(
        "watsonx",
        lambda root: {
            "dialect": "watsonx",
            "base_url": root,
            "api_key": KEY,
            "options": {"project_id": "lab", "iam_url": f"{root}/identity/token"},
            "embeddings": {"max_inputs": 1_000},
        },
        embedder="embedder",
        most_inputs=1_000,
        lacks=frozenset({"parallel_tool_calls=false", "dimensions", "signatures"}),
    ),
    Dialect(
        "ollama",
        lambda root: {"dialect": "ollama", "base_url": root, "api_key": KEY},
        embedder="embedder",
        # It calls what tools it likes, and thinks without a signature.
        lacks=frozenset({"tool_choice", "parallel_tool_calls=false", "signatures"}),
    ),
)
