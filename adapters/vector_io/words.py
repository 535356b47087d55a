"""How search by words reads a text: the same on every backend.

A backend puts `words` of a chunk into its index and asks it for `query_words` of a question, any of them, ranked by
BM25. A word has no space and no punctuation in it, so that `" ".join(words(text))` may go into an index that splits at
spaces.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import regex

K1 = 1.2
"""How soon more of the same word counts no more: of BM25, where a backend lets one choose or has none of its own."""
B = 0.75
"""How much a long text's words count less."""
QUERY_WORDS = 64
"""A longer question is cut: every word is a look into the index."""
_LONGEST = 64
"""Characters of a word; what is longer is cut, since indexes have limits of their own."""

_UNSPACED = r"\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_RUNS = regex.compile(
    rf"([[\p{{L}}\p{{M}}\p{{N}}]&&[{_UNSPACED}]]+)|([[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+)", regex.V1
)
_ACCENTS = regex.compile(r"(?<=[\p{Latin}\p{Greek}])[\u0300-\u036f]+")
_SHORTENED = regex.compile(r"(?<=\p{L})['’](?=\p{L}{1,2}\b)")
"""The mark of it's, don't and they've."""

_COMMON = (
    "a about am an and any are as at be been but by can could did do does for from had has have how i if in into is it"
    " its me my no not of on or our shall should so such than that the their them then there these they this those to"
    " us was we were what when where which who why will with would you your"
)
COMMON = frozenset(_COMMON.split())
"""English words that say nothing about what is looked for. They are in the index, and not in a question unless it has
no others."""


def words(text: str) -> list[str]:
    """The words of a text in their order, repeated ones included.

    Case, width and the accents of Latin and Greek letters do not count; English endings are taken off. Scripts that
    set no spaces between words (and Korean, which joins them) give each character and each pair of neighbours, and a
    question only the pairs.
    """
    return [_stem(word) for word in _split(text, singles=True)]


def query_words(text: str) -> list[str]:
    """The distinct words of a question, at most QUERY_WORDS of them, without the common ones unless all are."""
    written = _split(text, singles=False)
    telling = [word for word in written if word not in COMMON] or written
    return list(dict.fromkeys(map(_stem, telling)))[:QUERY_WORDS]


def bm25(query: str, texts: Sequence[str]) -> list[float]:
    """The score of each of a few texts that stand for a whole store: what a backend's order is measured by.

    https://www.elastic.co/blog/practical-bm25-part-2-the-bm25-algorithm-and-its-variables
    """
    counts = [Counter(words(text)) for text in texts]
    lengths = [count.total() for count in counts]
    average = sum(lengths) / max(1, len(texts)) or 1.0
    scores = [0.0] * len(texts)
    for word in query_words(query):
        holding = sum(word in count for count in counts)
        rarity = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        for at, count in enumerate(counts):
            often = count[word]
            scores[at] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths[at] / average))
    return scores


def _split(text: str, *, singles: bool) -> list[str]:
    found: list[str] = []
    for unspaced, word in _RUNS.findall(_SHORTENED.sub("", _normal(text))):
        if word:
            found.append(word[:_LONGEST])
            continue
        if singles or len(unspaced) == 1:
            found += unspaced
        found += (unspaced[at : at + 2] for at in range(len(unspaced) - 1))
    return found


def _normal(text: str) -> str:
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFKC", plain)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """Without its English ending. A stemmer keeps the word it is at, so that threads can't share one."""
    if not (word.isascii() and word.isalpha()):
        return word
    from snowballstemmer.english_stemmer import EnglishStemmer

    stem: str = EnglishStemmer().stemWord(word)
    return stem
