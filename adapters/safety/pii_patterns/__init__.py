"""Personal data and secrets that have a form of their own: patterns and check sums, with nothing to install.

Names and places have no such form: `pii` finds those.
"""

import asyncio
from collections.abc import Sequence

from msgspec import Struct, field

from adapters.safety.contract import Ask, CheckType, Content, Judgement
from adapters.safety.pii.found import CATEGORY, judgement
from adapters.safety.pii_patterns.patterns import LABELS, find

_INLINE = 2_000
"""Characters that patterns are through with in well under a millisecond; longer texts are looked at in a thread."""


class PatternOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of `pii_patterns`."""

    entities: list[str] = field(default_factory=list)
    """Of CREDIT_CARD, EMAIL_ADDRESS, IBAN_CODE, IP_ADDRESS, PHONE_NUMBER, SECRET_KEY and US_SSN; all unless said."""

    def __post_init__(self) -> None:
        if unknown := set(self.entities) - LABELS:
            raise ValueError(f"{', '.join(sorted(unknown))}: choose of {', '.join(sorted(LABELS))}")


class PiiPatterns:
    """Patterns, here."""

    def __init__(self, name: str, options: PatternOptions) -> None:
        self._labels = frozenset(options.entities) or LABELS

    async def start(self) -> None:
        """Nothing is loaded."""

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content."""
        if sum(len(text) for content in contents for text in content.texts) > _INLINE:
            return await asyncio.to_thread(self._judge, contents)
        return self._judge(contents)

    def _judge(self, contents: Sequence[Content]) -> list[Judgement]:
        return [
            judgement([[(*found, 1.0) for found in find(text, self._labels)] for text in content.texts])
            for content in contents
        ]


CHECK = CheckType("pii_patterns", PatternOptions, PiiPatterns, (CATEGORY,), redacts=True)
