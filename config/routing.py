"""Routes as an operator writes them: deployments, how one of them is chosen, and what happens when it fails."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from config.caching import Cache
from config.safety import Guardrails
from config.values import Count, Seconds, Share

Strategy = Literal[
    "ordered",
    "weighted",
    "round_robin",
    "least_busy",
    "lowest_latency",
    "lowest_cost",
    "usage_based",
    "sticky",
]
Capability = Literal["vision", "audio", "tools", "structured_outputs", "reasoning"]
Refusal = Literal["context_length", "content_filter", "authentication", "not_found"]
"""Faults that are the request's or the account's: another deployment is asked only where the route says so."""


class Concurrency(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many calls a deployment is given at once, learned from its latency and its refusals."""

    start: Count = 16
    """What it begins with."""
    least: Count = 1
    """It never falls below."""
    most: Count = 1_024
    """It never grows over."""
    queue: Annotated[int, Meta(ge=0, le=100_000)] = 64
    """Calls that may wait for a place, shared fairly between callers; more are answered 503."""
    queue_seconds: Seconds = 5
    """The longest wait."""


class Deployment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model at one provider."""

    provider: str
    """A name of `providers`, or of a shipped row."""
    model: Annotated[str, Meta(min_length=1)]
    """The model as the provider calls it."""
    weight: Annotated[float, Meta(gt=0, le=1_000_000)] = 1
    """Its part of the calls with the strategy `weighted`."""
    requests_per_minute: Count | None = None
    """What the provider grants it; `usage_based` sends calls where most of it is left."""
    tokens_per_minute: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    """The same in tokens."""
    concurrency: Concurrency | None = None
    """Bound the calls in progress there; without it, only the provider's connections bound them."""


class Retry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a target is asked again after a fault that may pass."""

    attempts: Annotated[int, Meta(ge=1, le=10)] = 2
    """Tries at one target, the first included."""
    backoff: Seconds = 0.25
    """The first wait is random between 0 and this; each further one up to twice the one before."""
    backoff_most: Seconds = 8
    """The longest wait. A provider that asks for a longer one is not waited for: the next target is asked."""
    budget: Share = 0.2
    """Retries and fallbacks may be this share of the requests of the last 30 s (and 10 more), so that an outage is not
    multiplied."""


class Cooldown(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a target is left alone for a while, by every worker and replica."""

    failures: Count = 5
    """Failures in a row that open it."""
    error_rate: Share = 0.5
    """Or this share of the calls of the last 30 s, once there were `calls` of them."""
    calls: Count = 20
    """See `error_rate`."""
    seconds: Seconds = 15
    """How long it rests; doubled each time a probe fails, up to 5 minutes."""
    probes: Count = 1
    """Calls that are let through at once after the rest; as many successes close it."""


class Hedge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ask a second target when the first is slower to begin than nearly all of its answers; the faster one wins."""

    quantile: Annotated[float, Meta(ge=0.5, le=0.999)] = 0.95
    """Of the learned times to the first token."""
    share: Share = 0.05
    """Of the requests that may be hedged."""
    cost_share: Share = 0.05
    """Of the cost of the route's calls that the losers may have."""


class Sticky(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What keeps calls at one deployment, so that its provider's prompt cache is hit."""

    by: Literal["user", "conversation", "prefix"] = "prefix"
    """`user`: the caller and the request's `user`; `conversation`: its `prompt_cache_key`, else its messages up to
    the first answer; `prefix`: the first `prefix_bytes` of tools and messages."""
    prefix_bytes: Annotated[int, Meta(ge=64, le=1_048_576)] = 4_096
    """How much of the prompt counts."""


class When(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Conditions that must all hold."""

    headers: dict[str, str] = field(default_factory=dict)
    """The client's headers: each has this value; `*` stands for any run of characters."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The same of the request's `metadata`."""
    keys: list[str] = field(default_factory=list)
    """The caller's key is one of these names."""
    needs: list[Capability] = field(default_factory=list)
    """The request needs one of these."""
    tokens_over: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    """Its prompt has more tokens, counted as the model counts."""
    hours: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Time of day, as 22:00-06:00."""
    timezone: str = "UTC"
    """Where that is the time, as Europe/Berlin."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sends calls to another route."""

    use: str
    """The name of the other model of `models`; its own rules are not asked."""
    when: When = field(default_factory=When)
    """Which calls; without conditions, all."""
    share: Share = 1
    """Of those, this part: a canary. The same caller and prompt always fall on the same side."""


class Mirror(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sends a copy of some calls to a shadow, whose answers are compared in telemetry and thrown away."""

    provider: str
    """Of the shadow."""
    model: Annotated[str, Meta(min_length=1)]
    """Of the shadow."""
    share: Share = 0.01
    """Of the calls."""


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A name that clients ask for, and the deployments that answer it."""

    deployments: Annotated[list[Deployment], Meta(min_length=1)]
    """Where it runs."""
    strategy: Strategy = "ordered"
    """Whom to ask first. The others follow after a fault that is not the client's."""
    rules: list[Rule] = field(default_factory=list)
    """The first that fits sends the call elsewhere."""
    retry: Retry = field(default_factory=Retry)
    """How a target is asked again."""
    fallback_on: list[Refusal] = field(default_factory=list)
    """Refusals after which the next target is asked, besides faults that may pass."""
    cooldown: Cooldown = field(default_factory=Cooldown)
    """When a target is left alone."""
    hedge: Hedge | None = None
    """Ask a second target when the first is slow to begin."""
    sticky: Sticky = field(default_factory=Sticky)
    """What `sticky` goes by."""
    mirror: Mirror | None = None
    """A shadow that gets copies."""
    broken_stream: Literal["error", "continue"] = "error"
    """When a stream breaks after content went out: end it with an error event, or have another deployment continue
    the text."""
    timeout: Seconds | None = None
    """For a whole call, waiting and retries included; a client may ask for less with `x-isthmus-timeout`."""
    cache: Cache | None = None
    """Answer repeated requests without asking again."""
    guardrails: Guardrails | None = None
    """What its requests and answers must pass."""
