"""Two orders of the same chunks made one, by reciprocal rank.

Scores of different searches can't be compared, their places can: a chunk gets weight / (K + place) from each
search that found it. https://cormack.uwaterloo.ca/cormacksigir09-rrf.pdf
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from adapters.vector_io.contract import Hit

K: Final = 20
"""How little the first places stand out; the paper has 60, see docs/decisions/0019-fusion-in-the-gateway.md."""


class Scored(Struct, frozen=True):
    """A chunk with a score from 0 to 1."""

    hit: Hit
    score: float


class Ranking(Struct, frozen=True):
    """What one search found, best first, and how much it counts."""

    weight: float
    hits: Sequence[Hit]


def fuse(rankings: Sequence[Ranking]) -> list[Scored]:
    """One order of all that was found: 1 is the score of a chunk that is first everywhere."""
    most = sum(ranking.weight for ranking in rankings) / (K + 1)
    hits: dict[str, Hit] = {}
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, hit in enumerate(ranking.hits, start=1):
            hits.setdefault(hit.id, hit)
            scores[hit.id] = scores.get(hit.id, 0.0) + ranking.weight / (K + place) / most
    return in_order(Scored(hits[chunk], min(1.0, score)) for chunk, score in scores.items())


def by_meaning(hits: Iterable[Hit]) -> list[Scored]:
    """Cosine similarities as scores: what points elsewhere has 0."""
    return in_order(Scored(hit, min(1.0, max(0.0, hit.score))) for hit in hits)


def by_words(hits: Sequence[Hit]) -> list[Scored]:
    """BM25 in parts of the best that was found: it has no upper end, and each backend a scale of its own."""
    best = max((hit.score for hit in hits), default=0.0)
    return in_order(Scored(hit, max(0.0, hit.score / best) if best > 0 else 0.0) for hit in hits)


def best_of(orders: Sequence[list[Scored]]) -> list[Scored]:
    """What several queries found: each chunk with its best score; of equal ones, the one that more of them found."""
    if len(orders) == 1:
        return orders[0]
    best: dict[str, Scored] = {}
    sums: dict[str, float] = {}
    for order in orders:
        for scored in order:
            chunk = scored.hit.id
            sums[chunk] = sums.get(chunk, 0.0) + scored.score
            if chunk not in best or best[chunk].score < scored.score:
                best[chunk] = scored
    return sorted(best.values(), key=lambda scored: (-scored.score, -sums[scored.hit.id], scored.hit.id))


def in_order(found: Iterable[Scored]) -> list[Scored]:
    """Best first; of equal ones always the same first."""
    return sorted(found, key=lambda scored: (-scored.score, scored.hit.id))
