"""The rules: spellings, surroundings, what a line of theirs means, how often they are right, and how long they take."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.safety.contract import CATEGORIES, CheckUnavailable, Content
from adapters.safety.rules import RulesCheck, RulesOptions, book
from adapters.safety.rules.book import Book, shipped
from adapters.safety.rules.language import Rule, RuleMistake, inflect, read_rules
from adapters.safety.rules.spelling import SENTENCE_WORDS, Spelling
from benchmarks.moderation.__main__ import judge as judge_all
from benchmarks.moderation.score import ANY, scores_of
from benchmarks.moderation.texts import read_texts
from tests.adapters.safety.asked import Models, judge

THREAT = "I will kill you"
BOOK = shipped()


def found(text: str) -> set[str]:
    return {category for category, score in BOOK.scores(text).items() if score >= 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "I WILL KILL YOU",
        "i'll k1ll you",
        "I\u2019ll kill y\u200bou",
        "I will k i l l you",
        "i will kiiiiill you",
        "I will k*ll you",
        "I will k'ill you",
        "I will k\u0456ll you",
        "I will ｋｉｌｌ you",
        "I will kíll you",
        "imma kill ya",
    ],
)
def test_a_threat_is_known_in_any_spelling(text: str) -> None:
    assert "harassment/threatening" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "The police say that he shouted: I will kill you.",
        "In my novel the hero hears a voice. I will kill you, it says.",
        "I will kill the process on port 80.",
        "He said that I will kill you is what she wrote.",
        "Scunthorpe, Penistone and Clitheroe are towns.",
    ],
)
def test_surroundings_can_make_it_harmless(text: str) -> None:
    assert not found(text)


def test_surroundings_count_only_nearby() -> None:
    far = "The bakery opens at eight. " * 10
    assert found(f"In my novel it rains. {THREAT}.") == set()
    assert "violence" in found(f"In my novel it rains. {far} {THREAT}.")
    assert "violence" in found(f"{THREAT}. {far} In my novel it rains.")


def test_what_comes_after_makes_it_harmless_too() -> None:
    assert not found(f"{THREAT}. This is a line of my novel.")


def test_a_match_is_found_wherever_a_long_text_has_it() -> None:
    for before in range(0, 2 * SENTENCE_WORDS, 7):
        assert "violence" in found("word " * before + THREAT + " word" * 100)


def test_every_category_has_rules() -> None:
    assert {category for rule in BOOK._rules for category in rule.scores} == set(CATEGORIES)


async def test_each_content_has_its_own_judgement() -> None:
    judged = await judge("rules", ["The bakery opens at eight.", THREAT, "word " * 200 + THREAT])
    assert [each.flagged for each in judged] == [False, True, True]
    assert judged[0].scores == {}


async def test_the_threshold_decides_what_counts() -> None:
    (strict,) = await judge("rules", [THREAT], threshold=0.99)
    assert not strict.flagged
    assert strict.scores["violence"] > 0.5


async def test_rules_that_are_not_read_judge_nothing() -> None:
    with pytest.raises(CheckUnavailable):
        await RulesCheck("rules", RulesOptions()).judge([Content((THREAT,))], Models().ask)


def test_a_file_that_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, words: object) -> list[Rule]:
        raise RuleMistake("line 1: wrong")

    monkeypatch.setattr(book, "read_rules", refuse)
    with pytest.raises(RuleMistake, match=r"injection\.rules, line 1: wrong"):
        shipped.__wrapped__("injection")


@pytest.mark.parametrize("word", ["aaaab", "zzzz1", "b***d", "ж"])
def test_what_is_no_word_of_the_rules_stays_as_it_is(word: str) -> None:
    assert Spelling(["word"]).word(word) == [word]


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("kill+", ("kill", "kills", "killed", "killing")),
        ("choke+", ("choke", "chokes", "choked", "choking")),
        ("stab++", ("stab", "stabs", "stabbed", "stabbing")),
        ("bury+", ("bury", "buries", "buried", "burying")),
        ("punch+", ("punch", "punches", "punched", "punching")),
        ("now", ("now",)),
    ],
)
def test_words_have_forms(word: str, forms: tuple[str, ...]) -> None:
    assert inflect(word) == forms


def test_a_pattern_means_what_its_language_says() -> None:
    text = """
    @ FRUIT = apple pear | passion fruit   # words, then a phrase
    @ HIDDEN ~ fryyre
    [hate 0.7, sexual 0.2]
    (i|we) (really)? eat+ .. FRUIT $
    HIDDEN
    ! not
    !! shop
    [= shop]
    in the shop
    """
    read = Book(read_rules(text, {}))
    assert read.scores("I eat an apple.") == {"hate": 0.7, "sexual": 0.2}
    assert read.scores("we really eating one big passion fruit")
    assert read.scores("the seller")
    for text in (
        "I eat one two three four apples",
        "I eat an apple today",
        "I do not eat an apple",
        "apple eat I",
        "We are in the shop. I eat an apple.",
    ):
        assert read.scores(text) == {}, text


@pytest.mark.parametrize("line", ["(a|b)?", "[hate]", "[hate much]", "UNKNOWN word", "@ X", "! (a)?"])
def test_a_line_that_can_not_be_read_is_told_with_its_number(line: str) -> None:
    with pytest.raises(RuleMistake, match="line 2"):
        read_rules(f"[hate 1.0]\n{line}", {})


def test_the_rules_are_as_good_as_the_page_says() -> None:
    """Floors a little under what docs/moderations.md tells, of texts that nobody looked at for the rules."""
    texts = list(read_texts())
    judged = list(zip(texts, asyncio.run(judge_all("rules", texts)), strict=True))
    for each in (True, False):
        scores = scores_of(pair for pair in judged if pair[0].held_out is each)
        for category, score in scores.items():
            assert score.precision >= 0.8, category
            assert score.recall >= 0.8, category
        assert scores[ANY].precision >= 0.95


def test_there_are_enough_texts_of_each_category() -> None:
    texts = list(read_texts())
    for category in CATEGORIES:
        assert sum(category in each.labels for each in texts) >= 25, category
    assert sum(not each.labels for each in texts) >= 200


WORDS = [*sorted(BOOK._by_word)[:400], ".", "!", "in", "the", "i", "you", "*", "a" * 50, "\u200b", "é", "k.i.l.l"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from([" ", "", "  ", "\n"]))
def test_any_words_in_any_order_are_judged_soon(words: list[str], between: str) -> None:
    """Twice the text takes about twice the time: here eight times, within generous bounds."""
    text = between.join(words)
    small, large = text * 4, text * 32
    began = time.perf_counter()
    BOOK.scores(small)
    first = time.perf_counter() - began
    began = time.perf_counter()
    BOOK.scores(large)
    assert time.perf_counter() - began < 40 * first + 0.5


@pytest.mark.parametrize("letter", ["a", " ", "*", "!", "i ", "how to ", "'", "k1", "\u0301", "you are a "])
def test_a_hundred_thousand_of_the_same_take_seconds_at_most(letter: str) -> None:
    began = time.perf_counter()
    BOOK.scores(letter * (100_000 // len(letter)))
    assert time.perf_counter() - began < 10


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_scores_within_bounds(text: str) -> None:
    assert all(0 <= score <= 1 for score in BOOK.scores(text).values())


def test_a_sentence_is_never_longer_than_its_bound() -> None:
    spelling = Spelling(["word"])
    assert all(len(each) <= SENTENCE_WORDS for each in spelling.sentences("don't can't " * 300))
