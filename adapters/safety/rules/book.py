"""All rules together, and how a text is judged by them: in a time that grows with its length and no faster."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Final

from adapters.safety.rules.language import Pattern, Rule, RuleMistake, read_rules
from adapters.safety.rules.spelling import Spelling

_NEAR: Final = 3
"""A context counts for so many sentences before and after it."""
_FIRST: Final = "words.rules"
"""The file whose words the others may use."""


class Book:
    """Rules, found by the rarest of the words that each needs."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = list(rules)
        used = Counter(
            word for rule in self._rules for pattern in rule.patterns for each in pattern.required for word in each
        )
        self._by_word: defaultdict[str, list[tuple[Rule, Pattern]]] = defaultdict(list)
        for rule in self._rules:
            for pattern in rule.patterns:
                for word in min(pattern.required, key=lambda words: max(used[word] for word in words)):
                    self._by_word[word].append((rule, pattern))
        self._spelling = Spelling(_vocabulary(self._rules))

    def scores(self, text: str) -> dict[str, float]:
        """The scores of a text, by category; those that are not named are 0."""
        scores: dict[str, float] = {}
        waiting: list[tuple[int, Rule]] = []
        seen: dict[str, int] = {}
        place = -1
        for place, sentence in enumerate(self._spelling.sentences(text)):
            for rule in self._matches(sentence, scores):
                if rule.defines is not None:
                    seen[rule.defines] = place
                else:
                    waiting.append((place, rule))
            waiting = _settled(waiting, seen, place, scores)
        _settled(waiting, seen, place + _NEAR + 1, scores)
        return scores

    def _matches(self, sentence: list[str], scores: dict[str, float]) -> Iterator[Rule]:
        """The rules that a sentence matches, of those that would say more than is known."""
        words = frozenset(sentence)
        written = f" {' '.join(sentence)} "
        done: set[int] = set()
        for word in words & self._by_word.keys():
            for rule, pattern in self._by_word[word]:
                if id(rule) in done or not (rule.defines or _says_more(rule, scores)):
                    continue
                if _fits(pattern, words, written):
                    done.add(id(rule))
                    if not any(_fits(each, words, written) for each in rule.unless):
                        yield rule


def _fits(pattern: Pattern, words: frozenset[str], written: str) -> bool:
    return not any(map(words.isdisjoint, pattern.required)) and pattern.regex.search(written) is not None


def _says_more(rule: Rule, scores: dict[str, float]) -> bool:
    return any(score > scores.get(category, 0) for category, score in rule.scores.items())


def _settled(
    waiting: list[tuple[int, Rule]], seen: dict[str, int], place: int, scores: dict[str, float]
) -> list[tuple[int, Rule]]:
    """Score matches whose surroundings are known by now; give those that must wait."""
    later = []
    for at, rule in waiting:
        if any(abs(seen[context] - at) <= _NEAR for context in rule.contexts if context in seen):
            continue
        if rule.contexts and place - at < _NEAR:
            later.append((at, rule))
            continue
        for category, score in rule.scores.items():
            scores[category] = max(score, scores.get(category, 0))
    return later


def _vocabulary(rules: Iterable[Rule]) -> set[str]:
    patterns = (pattern for rule in rules for pattern in (*rule.patterns, *rule.unless))
    return {word for pattern in patterns for each in pattern.required for word in each}


@lru_cache(maxsize=2)
def shipped(folder: str = "data") -> Book:
    """The rules in a folder of this package. Raises RuleMistake, naming the file."""
    place = files("adapters.safety.rules") / folder
    names = sorted(each.name for each in place.iterdir() if each.name.endswith(".rules"))
    words: dict[str, tuple[str, ...]] = {}
    rules: list[Rule] = []
    for name in sorted(names, key=lambda name: name != _FIRST):
        try:
            rules += read_rules((place / name).read_text("utf-8"), words)
        except RuleMistake as mistake:
            raise RuleMistake(f"{name}, {mistake}") from None
    return Book(rules)
