"""The language that rules are written in: a file of blocks to rules with patterns.

    # A comment.
    @ KILL = kill+ stab++ shoot | put to death              words that stand for one another, then phrases
    @ SLUR ~ fyhe                                           the same in ROT13, for what nobody should have to read

    [violence 0.8, harassment/threatening 0.9]              what a match says, and how surely
    i (will|am going to) .. KILL you                        a pattern; each line is one
    ! (in|at) (chess|a game)                                not where this stands in the same sentence
    !! fiction                                              not where this context stands nearby

    [= fiction]                                             what a context is known by
    (in|of) my (novel|story)

In patterns a word is itself, `kill+` is its forms (kills, killed, killing; `stab++` doubles the last letter), a name in
capitals is what `@` says, `(a|b c)` is any of these and `(…)?` may be missing. `..` stands for up to three words and
`...` for up to eight. `^` is the beginning of the sentence and `$` its end.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

_ITEM: Final = re.compile(r"\([^()]*\)\??|\S+")
_HEADING: Final = re.compile(r"\[(=)?\s*([^\]]+)\]")
_GAPS: Final = {"..": "(?:[^ ]+ ){0,3}", "...": "(?:[^ ]+ ){0,8}"}
_EDGES: Final = {"^": "(?<=^ )", "$": "$"}


class RuleMistake(ValueError):
    """A line that can't be read."""


class Pattern(Struct, frozen=True):
    """What a sentence is compared with, written as ` word word `."""

    regex: re.Pattern[str]
    required: tuple[frozenset[str], ...]
    """A sentence that matches has one word of each."""


class Rule(Struct):
    """A block of a file."""

    scores: dict[str, float]
    patterns: list[Pattern]
    unless: list[Pattern]
    contexts: list[str]
    """A match near one of these does not count."""
    defines: str | None = None
    """The context that it is known by, instead of scores."""


def read_rules(text: str, words: dict[str, tuple[str, ...]]) -> list[Rule]:
    """The rules of a file; what its `@` lines say is added to `words`. Raises RuleMistake."""
    rules: list[Rule] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        try:
            if line:
                _read_line(line, rules, words)
        except (KeyError, ValueError, IndexError) as error:
            raise RuleMistake(f"line {number}: {error}") from None
    return rules


def _read_line(line: str, rules: list[Rule], words: dict[str, tuple[str, ...]]) -> None:
    if line.startswith("@"):
        name, sign, rest = line[1:].split(None, 2)
        if sign == "~":
            rest = codecs.decode(rest, "rot13")
        words[name] = (*words.get(name, ()), *(form for each in _choices(rest, words) for form in each))
    elif heading := _HEADING.fullmatch(line):
        rules.append(_heading(heading))
    elif line.startswith("!!"):
        rules[-1].contexts += line[2:].split()
    elif line.startswith("!"):
        rules[-1].unless.append(compile_pattern(line[1:], words))
    else:
        rules[-1].patterns.append(compile_pattern(line, words))


def _heading(heading: re.Match[str]) -> Rule:
    if heading[1]:
        return Rule({}, [], [], [], defines=heading[2].strip())
    scores = {}
    for part in heading[2].split(","):
        category, score = part.split()
        scores[category] = float(score)
    return Rule(scores, [], [], [])


def _choices(written: str, words: dict[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """The words of an `@` line, and the phrases that stand behind its bars."""
    singles, *phrases = written.split("|")
    for word in singles.split():
        yield _phrases([word], words)
    for phrase in phrases:
        yield _phrases(phrase.split(), words)


def _phrases(parts: Sequence[str], words: dict[str, tuple[str, ...]]) -> list[str]:
    """Every phrase that a row of words can be."""
    phrases = [""]
    for part in parts:
        forms = words[part] if part.isupper() and len(part) > 1 else inflect(part)
        phrases = [f"{phrase} {form}".strip() for phrase in phrases for form in forms]
    return phrases


def compile_pattern(written: str, words: dict[str, tuple[str, ...]]) -> Pattern:
    """A pattern as a regular expression without anything that takes long: gaps are counted in whole words."""
    regex, required = [], []
    for item in _ITEM.findall(written):
        if item in _GAPS or item in _EDGES:
            regex.append(_GAPS.get(item) or _EDGES[item])
            continue
        optional = item.endswith(")?")
        if item.startswith("("):
            inside = item.removesuffix("?")[1:-1]
            phrases = [each for choice in inside.split("|") for each in _phrases(choice.split(), words)]
        else:
            phrases = _phrases([item], words)
        regex.append(f"(?:{'|'.join(re.escape(each) for each in sorted(set(phrases), reverse=True))}) ")
        if optional:
            regex[-1] = f"(?:{regex[-1]})?"
        else:
            required.append(frozenset(phrase.split()[0] for phrase in phrases))
    if not required:
        raise ValueError("a pattern needs a word that can't be missing")
    return Pattern(re.compile("(?<= )" + "".join(regex)), tuple(required))


def inflect(word: str) -> tuple[str, ...]:
    """`kill+` to kill, kills, killed, killing; any other word to itself."""
    if word.endswith("++"):
        stem = word[:-2]
        double = stem + stem[-1]
        return stem, f"{stem}s", f"{double}ed", f"{double}ing"
    if not word.endswith("+"):
        return (word,)
    stem = word[:-1]
    if stem.endswith("e"):
        return stem, f"{stem}s", f"{stem}d", f"{stem[:-1]}ing"
    if stem.endswith("y") and stem[-2] not in "aeiou":
        return stem, f"{stem[:-1]}ies", f"{stem[:-1]}ied", f"{stem}ing"
    ending = "es" if stem.endswith(("s", "x", "z", "ch", "sh")) else "s"
    return stem, f"{stem}{ending}", f"{stem}ed", f"{stem}ing"
