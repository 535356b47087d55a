"""Rules that run here, with nothing to install: words and patterns for every category, in `data/`.

They know English. docs/moderations.md says how often they are right, and what they miss.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from adapters.safety.contract import Ask, CheckType, CheckUnavailable, Content, Judgement
from adapters.safety.rules.book import Book, shipped

_INLINE: Final = 300
"""Characters that take well under a millisecond; longer texts are judged in a thread."""


class RulesOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of the rules."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """The score from which a category counts as found."""


class RulesCheck:
    """The check."""

    folder = "data"

    def __init__(self, name: str, options: RulesOptions) -> None:
        self._threshold = options.threshold
        self._book: Book | None = None

    async def start(self) -> None:
        """Read the rules."""
        self._book = await asyncio.to_thread(shipped, self.folder)

    async def close(self) -> None:
        """Nothing is held."""

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable before it was started."""
        book = self._book
        if book is None:
            raise CheckUnavailable("the rules are not read yet")
        if sum(len(text) for content in contents for text in content.texts) > _INLINE:
            return await asyncio.to_thread(self._judged, book, contents)
        return self._judged(book, contents)

    def _judged(self, book: Book, contents: Sequence[Content]) -> list[Judgement]:
        return [self._judgement(book.scores("\n".join(content.texts))) for content in contents]

    def _judgement(self, scores: dict[str, float]) -> Judgement:
        found = frozenset(category for category, score in scores.items() if score >= self._threshold)
        return Judgement(bool(found), scores, found)


CHECK = CheckType("rules", RulesOptions, RulesCheck)
