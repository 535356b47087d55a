"""How a text's words are read for search."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.words import QUERY_WORDS, bm25, query_words, words


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Max_num_results=50, 3.11", ["max", "num", "result", "50", "3", "11"]),
        ("It's the models' and the model's", ["it", "the", "model", "and", "the", "model"]),
        ("don’t don't DON'T", ["dont"] * 3),
        ("Retrieved retrieving retrieves", ["retriev"] * 3),
        ("Ｃａｆé ﬁne ①", ["cafe", "fine", "1"]),
        ("Straße STRASSE", ["strass"] * 2),
        ("ὈΔΥΣΣΕΎΣ οδυσσευσ", ["οδυσσευσ"] * 2),
        ("İstanbul", ["istanbul"]),
        ("бой бои", ["бой", "бои"]),
        ("हिन्दी में खोज", ["हिन्दी", "में", "खोज"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー", "東京", "京タ", "タワ", "ワー"]),
        ("go東京go", ["go", "東", "京", "東京", "go"]),
        ("서울에서", ["서", "울", "에", "서", "서울", "울에", "에서"]),
        ("x\x00y \ud800z 🙂!?", ["x", "y", "z"]),
        ("", []),
    ],
)
def test_words_are_read_in_every_script(text: str, read: list[str]) -> None:
    assert words(text) == read


def test_a_question_has_each_telling_word_once() -> None:
    assert query_words("What is the weight of the weights?") == ["weight"]


def test_a_question_of_common_words_alone_keeps_them() -> None:
    assert query_words("To be or not to be") == ["to", "be", "or", "not"]


def test_a_question_in_an_unspaced_script_asks_for_pairs() -> None:
    assert query_words("東京タワー") == ["東京", "京タ", "タワ", "ワー"]
    assert query_words("猫") == ["猫"]


def test_a_long_question_and_a_long_word_are_cut() -> None:
    assert len(query_words(" ".join(f"w{number}" for number in range(500)))) == QUERY_WORDS
    assert words("9" * 10_000) == ["9" * 64]


@given(st.text())
def test_a_word_holds_neither_space_nor_punctuation(text: str) -> None:
    for word in words(text):
        assert 0 < len(word) <= 64
        assert not any(unicodedata.category(character)[0] in "PSZ" for character in word)


@given(st.text())
def test_what_a_text_says_can_be_asked_for(text: str) -> None:
    assert set(query_words(text)) <= set(words(text))


def test_threads_do_not_disturb_each_other() -> None:
    texts = [" ".join(f"{stem}{ending}{number}s {stem}{ending}s" for ending in ("ing", "ed")) for number in range(50)
             for stem in ("walk", "jump")]  # fmt: skip
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(words, texts)) == [words(text) for text in texts]


def test_bm25_prefers_rare_words_often_said_in_short_texts() -> None:
    once, twice, long, common = bm25(
        "gateway cats", ["cats", "cats cats", "cats " + "dog " * 9, "gateway"] + ["gateway"] * 5
    )[:4]
    assert twice > once > long > 0
    assert once > common > 0


def test_bm25_of_words_that_are_nowhere_is_nothing() -> None:
    assert bm25("dogs", ["gateway", ""]) == [0, 0]
    assert bm25("dogs", []) == []
