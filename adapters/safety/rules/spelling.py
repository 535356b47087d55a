"""A text as the words that rules are written in: one spelling for each, whatever the writer did to it."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

SENTENCE_WORDS: Final = 48
"""A longer sentence is cut, and what comes next begins with the last words of what was before."""
_OVERLAP: Final = 12
_WORD_MAX: Final = 40
_PIECE: Final = 4_096
"""Characters that are looked at in one go: nothing here holds the interpreter for long."""

_PARTS: Final = re.compile(r"[\w@$€](?:[\w@$€!*'’|]*[\w@$€*])?|[.!?;\n…。！？]")
_ENDS: Final = frozenset(".!?;\n…。！？")
_LETTERS: Final = str.maketrans("013457@$€!|", "oieastaseil")
_ALIKE: Final = str.maketrans("абвеіјкмнорѕстухԁɡαεικνορτυ", "abbeijkmhopsctyxdgaeiknoptu")
"""Letters of other scripts that pass for Latin ones."""
_APOSTROPHES: Final = str.maketrans("’‘ʼ`´", "'''''")
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_REPEATED: Final = re.compile(r"(.)\1{2,}")
_WHOLE: Final = {
    "im": "i am",
    "ima": "i will",
    "imma": "i will",
    "u": "you",
    "ya": "you",
    "ye": "you",
    "yall": "you all",
    "ur": "your",
    "youre": "you are",
    "gonna": "going to",
    "gunna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "dont": "do not",
    "cant": "can not",
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "wont": "will not",
    "ive": "i have",
    "id": "i would",
    "ill": "i will",
    "lets": "let us",
    "let's": "let us",
    "r": "are",
    "urself": "yourself",
    "luv": "love",
    "n": "and",
    "pls": "please",
    "plz": "please",
    "em": "them",
    "'em": "them",
}
_SUFFIXES: Final = {"n't": " not", "'ll": " will", "'re": " are", "'m": " am", "'ve": " have", "'d": " would", "'s": ""}


class Spelling:
    """Knows the words of the rules, and finds them in what is written otherwise."""

    def __init__(self, words: Collection[str]) -> None:
        self._words = frozenset(words)
        self._masked = dict(_masks(self._words))

    def sentences(self, text: str) -> Iterator[list[str]]:
        """The sentences of a text as words, each of at most `SENTENCE_WORDS`."""
        words: list[str] = []
        letters: list[str] = []
        for part in _parts(text):
            if len(part) == 1 and part.isalpha():
                letters.append(part)
                continue
            if letters:
                words += self._spelled(letters)
                letters = []
            if part in self._words and part not in _WHOLE:
                words.append(part)
            elif part in _ENDS:
                if words:
                    yield words
                words = []
            else:
                words += self.word(part)
            if len(words) >= SENTENCE_WORDS:
                yield words[:SENTENCE_WORDS]
                words = words[SENTENCE_WORDS - _OVERLAP :]
        words += self._spelled(letters)
        while words:
            yield words[:SENTENCE_WORDS]
            words = words[SENTENCE_WORDS - _OVERLAP :] if len(words) > SENTENCE_WORDS else []

    def word(self, written: str) -> list[str]:
        """One written word as words of the rules: `you're` is two."""
        written = written[:_WORD_MAX]
        if written in _WHOLE and (written != "ill" or written not in self._words):
            return _WHOLE[written].split()
        if "'" in written:
            for suffix, words in _SUFFIXES.items():
                if written.endswith(suffix):
                    return self.word(written.removesuffix(suffix)) + words.split()
            written = written.replace("'", "")
        return [written if written in self._words else self._meant(written)]

    def _meant(self, written: str) -> str:
        """The word of the rules that a writer may have hidden; else what is written."""
        if "*" in written:
            return self._masked.get(written, written)
        candidates = [written]
        if not written.isalpha() and not written.isdigit():
            candidates.append(written.translate(_LETTERS))
        if not written.isascii():
            candidates += [each.translate(_ALIKE) for each in candidates]
        for each in candidates:
            if each in self._words:
                return each
            if _REPEATED.search(each):
                for kept in (r"\1\1", r"\1"):
                    shorter = _REPEATED.sub(kept, each)
                    if shorter in self._words:
                        return shorter
        return written

    def _spelled(self, letters: list[str]) -> list[str]:
        """Single letters: a word with spaces in it where that is one of the rules', else each for itself."""
        if len(letters) > 2:
            for start in (0, 1):
                joined = "".join(letters[start:])[:_WORD_MAX]
                if joined in self._words:
                    return [*letters[:start], joined]
        return [word for letter in letters for word in self.word(letter)]


def _parts(text: str) -> Iterator[str]:
    """Words and ends of sentences in lower case, without accents and what can't be seen."""
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        if not piece.isascii():
            piece = unicodedata.normalize("NFKD", piece)
            piece = "".join(each for each in piece if unicodedata.category(each) not in _INVISIBLE)
            piece = piece.translate(_APOSTROPHES)
        yield from _PARTS.findall(piece.casefold())


def _masks(words: Collection[str]) -> Iterator[tuple[str, str]]:
    """Words with a star for one letter inside, or for all inside."""
    for word in words:
        if len(word) > 3:
            yield word[0] + "*" * (len(word) - 2) + word[-1], word
            for place in range(1, len(word) - 1):
                yield f"{word[:place]}*{word[place + 1 :]}", word
