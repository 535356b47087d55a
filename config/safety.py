"""Safety as an operator writes it: the checks there are, what /v1/moderations asks, and guardrails around inference."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from config.values import Name, Seconds, Share

MODERATION_MODELS = (
    "omni-moderation-latest",
    "omni-moderation-2024-09-26",
    "text-moderation-latest",
    "text-moderation-stable",
)
"""The names that OpenAI has for its own; clients send them, or none, which means the first."""


class Check(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that judges texts."""

    type: str
    """What it is: see docs/moderations.md; or a check of an installed package."""
    options: dict[str, Any] = field(default_factory=dict)
    """What only this type knows; checked against its own type."""


class Safety(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """/v1/moderations, and what guardrails can use."""

    checks: dict[Name, Check] = field(default_factory=dict)
    """By the name that `moderation` and guardrails use; the model of a moderation may be one of these names."""
    moderation: Name | None = None
    """The check for moderations that name no model, or one of OpenAI's; the rules that run here unless said."""


class Guardrail(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One check of what goes in or comes out."""

    check: Name
    """A name of `safety.checks`."""
    action: Literal["block", "redact", "annotate"] = "block"
    """`block`: refuse it; `redact`: replace what was found; `annotate`: let it pass and say so in the header
    `x-isthmus-guardrails`."""
    categories: list[str] = field(default_factory=list)
    """What counts of that which the check can find; everything unless said."""
    threshold: Share | None = None
    """The score from which it counts; the check's own unless said."""
    on_failure: Literal["closed", "open"] = "closed"
    """When the check can't be made: refuse the request, or let it pass and say so."""
    timeout: Seconds = 10
    """For the check; a slower one has failed."""
    parallel: bool = False
    """Ask the model while the input is judged; its answer waits for the judgement. Not with `redact`."""


class Guardrails(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a route's requests and answers must pass."""

    input: list[Guardrail] = field(default_factory=list)
    """Of the request, in this order."""
    messages: Literal["last", "all"] = "last"
    """What of a request is judged: what was said since the model's last answer, without instructions; or everything."""
    output: list[Guardrail] = field(default_factory=list)
    """Of the answer, in this order."""
    window: Annotated[int, Meta(ge=16, le=1_048_576)] = 400
    """Characters of a stream that are judged together before they are released."""
    overlap: Annotated[int, Meta(ge=0, le=1_048_576)] = 100
    """Characters before a window that are judged again with it."""
    delay_ms: Annotated[int, Meta(ge=1, le=60_000)] = 1_000
    """The longest that a stream's text waits for its window to fill."""
