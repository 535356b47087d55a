"""Precision and recall."""

from collections.abc import Iterable

from msgspec import Struct

from adapters.safety.contract import CATEGORIES
from benchmarks.moderation.texts import Text

ANY = "any category"


class Score(Struct):
    """How a check did in one category."""

    right: int = 0
    wrong: int = 0
    """Found where it is not."""
    missed: int = 0

    @property
    def precision(self) -> float:
        """Of what was found, the share that is there; 1 where nothing was found."""
        found = self.right + self.wrong
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """Of what is there, the share that was found."""
        there = self.right + self.missed
        return self.right / there if there else 1.0


def scores_of(judged: Iterable[tuple[Text, frozenset[str]]]) -> dict[str, Score]:
    """The scores of what was found in texts, by category and for all of them."""
    scores = {name: Score() for name in (*CATEGORIES, ANY)}
    for text, found in judged:
        for category in CATEGORIES:
            if category not in text.undecided:
                _count(scores[category], category in text.labels, category in found)
        _count(scores[ANY], bool(text.labels), bool(found))
    return scores


def _count(score: Score, there: bool, found: bool) -> None:
    if there and found:
        score.right += 1
    elif found:
        score.wrong += 1
    elif there:
        score.missed += 1
