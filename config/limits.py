"""Limits and budgets as an operator writes them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from config.values import Count, Seconds

Tokens = Annotated[int, Meta(ge=1, le=10**12)]
Dollars = Annotated[float, Meta(ge=0, le=9_000_000)]
"""In nano-dollars this still fits the numbers of Redis' scripts."""


class Budget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Money that may be spent in a period."""

    per: Literal["day", "month", "total"]
    """When it begins anew, in UTC."""
    usd: Dollars
    """The hard end: a call that could cost more than what is left is refused."""
    warn_usd: Dollars | None = None
    """The soft end: from here on answers carry a warning, and the webhook is told once."""


class Limit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one holder may use, over all workers and replicas."""

    requests_per_minute: Count | None = None
    """In any 60 s."""
    requests_per_day: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    """In any 24 h."""
    tokens_per_minute: Tokens | None = None
    """Prompt and completion."""
    tokens_per_day: Tokens | None = None
    """In any 24 h."""
    parallel_requests: Count | None = None
    """In progress at once."""
    budgets: list[Budget] = field(default_factory=list)
    """Money."""


class CallLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of those that several keys belong to; a key has its own in `keys`."""

    owners: dict[str, Limit] = field(default_factory=dict)
    """By the keys' `owner`."""
    teams: dict[str, Limit] = field(default_factory=dict)
    """By the keys' `team`."""
    organisations: dict[str, Limit] = field(default_factory=dict)
    """By the keys' `organisation`."""
    models: dict[str, Limit] = field(default_factory=dict)
    """By the model that clients ask for, all callers together."""
    each_key: Limit | None = None
    """For every key that has none of its own."""
    unknown_price: Literal["refuse", "allow"] = "refuse"
    """What becomes of a call under a budget whose model has no price: refused, or not counted and reported."""
    without_redis: Literal["local", "refuse"] = "local"
    """While Redis does not answer: each worker counts rates alone, or every limited call is refused. Calls under a hard
    budget are refused in both cases."""
    webhook: str | None = None
    """An https URL that is told, as JSON, when a budget reaches its soft or hard end."""
    webhook_private: bool = False
    """Whether that may be an address of a private network or of this machine."""
    media_tokens: Tokens | None = None
    """What one image, sound or document in a request takes at most; without it, a call with any is reserved for the
    model's whole context."""
    assumed_context: Tokens = 1_048_576
    """The context of models whose facts do not tell it, where the largest use of a call depends on it."""
    lease_seconds: Seconds = 15
    """With Redis: what calls reserved is given back when their worker has shown no sign of life for so long."""
