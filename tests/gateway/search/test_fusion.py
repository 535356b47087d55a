"""One order out of several."""

import pytest

from adapters.vector_io.contract import Hit
from gateway.search.fusion import K, Ranking, Scored, best_of, by_meaning, by_words, fuse


def hits(names: str, *scores: float) -> list[Hit]:
    return [
        Hit(name, "f", 0, name, score, {}) for name, score in zip(names, scores or (1.0,) * len(names), strict=True)
    ]


def order(found: list[Scored]) -> str:
    return "".join(scored.hit.id for scored in found)


def test_what_both_find_is_before_what_one_finds_first() -> None:
    assert order(fuse([Ranking(1, hits("axb")), Ranking(1, hits("cxd"))])) == "xacbd"


def test_a_score_says_how_near_to_first_everywhere_a_chunk_is() -> None:
    found = {scored.hit.id: scored.score for scored in fuse([Ranking(1, hits("ab")), Ranking(1, hits("ac"))])}
    assert found == {"a": 1, "b": pytest.approx((K + 1) / (K + 2) / 2), "c": pytest.approx((K + 1) / (K + 2) / 2)}


def test_weights_count() -> None:
    assert order(fuse([Ranking(3, hits("a")), Ranking(1, hits("b"))])) == "ab"
    assert order(fuse([Ranking(1, hits("a")), Ranking(3, hits("b"))])) == "ba"
    (first, second) = fuse([Ranking(3, hits("a")), Ranking(1, hits("b"))])
    assert [first.score, second.score] == pytest.approx([0.75, 0.25])


def test_equal_ones_always_come_in_the_same_order() -> None:
    assert order(fuse([Ranking(1, hits("b")), Ranking(1, hits("a"))])) == "ab"
    assert order(by_meaning(hits("ba", 0.5, 0.5))) == "ab"


def test_nothing_found_is_nothing() -> None:
    assert fuse([Ranking(1, []), Ranking(1, [])]) == []
    assert by_words([]) == []
    assert best_of([]) == []


def test_scores_stay_between_0_and_1() -> None:
    assert [scored.score for scored in by_meaning(hits("ab", 1.0000001, -0.3))] == [1, 0]
    assert [scored.score for scored in by_words(hits("ab", 8.0, 2.0))] == [1, 0.25]
    assert [scored.score for scored in by_words(hits("a", 0.0))] == [0]
    assert [scored.score for scored in by_words(hits("ab", 2.0, -1.0))] == [1, 0]


def test_of_several_queries_the_best_score_of_each_chunk_counts_then_how_many_found_it() -> None:
    one = [Scored(hit, score) for hit, score in zip(hits("ab"), (1.0, 0.4), strict=True)]
    other = [Scored(hit, score) for hit, score in zip(hits("cb"), (1.0, 0.6), strict=True)]
    assert [(scored.hit.id, scored.score) for scored in best_of([one, other])] == [("a", 1), ("c", 1), ("b", 0.6)]
    twice = [Scored(hit, score) for hit, score in zip(hits("ca"), (1.0, 0.1), strict=True)]
    assert order(best_of([one, twice])) == "acb"
