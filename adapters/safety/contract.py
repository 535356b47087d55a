"""The one page the author of a safety check reads.

A check judges contents and answers in OpenAI's categories, whatever its own are. Checks that ask a model do it through
`ask`, so that such calls are routed, limited and accounted for like any other.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from config.schema import Operation

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""OpenAI's, in its order: https://platform.openai.com/docs/guides/moderation#content-classifications"""

Part: TypeAlias = Literal["text", "image"]


class CheckUnavailable(Exception):
    """The judgement can't be made now. Says why, never with the text or a secret."""


class Content(Struct, frozen=True):
    """What is judged: texts and images that belong together."""

    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """URLs, `data:` ones included."""
    role: Literal["user", "assistant"] = "user"
    """Who says it: an answer may be judged otherwise than a question."""
    question: str | None = None
    """What an answer answers."""


class Span(Struct, frozen=True):
    """A place in a text."""

    text: int
    """Which of `Content.texts`."""
    start: int
    end: int
    """In characters; the end is not in it."""
    label: str
    """What stands there, in capitals: EMAIL_ADDRESS, CREDIT_CARD …"""


class Judgement(Struct, frozen=True):
    """What was found in one content."""

    flagged: bool
    scores: dict[str, float] = field(default_factory=dict)
    """From 0 to 1, of OpenAI's categories and of those that only this check has (`prompt_injection`, `pii`,
    `insecure_code` …); a category that is not named has score 0."""
    found: frozenset[str] = frozenset()
    """The categories that count as found, by the check's own thresholds."""
    applied: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    """Which parts were judged, by category, where it is not text alone."""
    spans: tuple[Span, ...] = ()
    """What can be replaced, in order, none over another."""
    notes: tuple[str, ...] = ()
    """In words for whoever is told of it, without the text itself: `B602 subprocess with shell=True, line 3`."""


Ask: TypeAlias = Callable[[Operation, bytes], Awaitable[bytes]]
"""Asks a model of this gateway: an operation and a body in OpenAI's format to the body of its answer. Raises
GatewayError."""


class SafetyCheck(Protocol):
    """A check, made once for a configuration. Nothing in it blocks the event loop for more than a millisecond."""

    async def start(self) -> None:
        """Load what it needs. Raises CheckUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable."""
        ...


class CheckType(Struct, frozen=True):
    """One kind of check: a declaration."""

    name: str
    options: type[Struct]
    """What `options` of a check of this type may hold."""
    open: Callable[[str, Any], SafetyCheck]
    """The check's name and its options. Raises ImportError where a library is missing, with the words that say which
    extra has it."""
    categories: tuple[str, ...] = CATEGORIES
    """What it can find."""
    judges_images: bool = False
    sees: Callable[[Any], bool] | None = None
    """Whether it judges images with these options, where that depends on them."""
    redacts: bool = False
    """Whether its judgements have spans."""
