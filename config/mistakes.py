"""What is wrong in a configuration, as values and as a report for a terminal."""

import difflib
import json
import re
import textwrap
from collections.abc import Collection, Iterable

from msgspec import Struct

from config.tree import Path

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 50


class Mistake(Struct, frozen=True, kw_only=True):
    """One thing to put right. Lines and columns count from 1; without them it is not in the file's text."""

    path: str
    problem: str
    line: int | None = None
    column: int | None = None
    found: str | None = None
    allowed: str | None = None
    nearest: str | None = None
    excerpt: str | None = None
    """The source line with a caret under the place; only words that can't be secret are left in it."""


class ConfigError(Exception):
    """A configuration that can't be used, with all its mistakes. `str()` is the report for a terminal."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.name = name
        self.mistakes = tuple(mistakes)
        super().__init__(name, self.mistakes)

    def __str__(self) -> str:
        count = len(self.mistakes)
        head = f"{self.name} has {'a mistake' if count == 1 else f'{count} mistakes'}:"
        shown = [render(self.name, mistake) for mistake in self.mistakes[:_SHOWN]]
        more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
        return "\n\n".join([head, *shown, *more])


class Unusable(Exception):
    """Something that nobody offers, or that can't be used. `str()` is one line that says what to do."""

    kind = "thing"
    """What it is, in words."""

    def __init__(self, name: str, source: str, problem: str, advice: str) -> None:
        self.name = name
        self.source = source
        """Who offers it: the package and its entry point, or a module's path."""
        self.problem = problem
        self.advice = advice
        super().__init__(name, source, problem, advice)

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}, from {self.source}: {self.problem}; {self.advice}"


class UnusableDialect(Unusable):
    """A dialect without an adapter that works."""

    kind = "dialect"


class UnusableBackend(Unusable):
    """A vector backend that does not work."""

    kind = "vector backend"


class UnusableStore(Unusable):
    """A store of files that does not work."""

    kind = "store of files"


class UnusableCheck(Unusable):
    """A safety check that does not work."""

    kind = "safety check"


def nearest(word: str, known: Collection[str], at_least: float = 0.6) -> str | None:
    """The known word that was probably meant, the first of equally near ones. `at_least`: 0 any, 1 the same."""
    forms = {_form(each): each for each in reversed(list(known))}
    close = difflib.get_close_matches(_form(word), forms, n=5, cutoff=at_least)
    matcher = difflib.SequenceMatcher(b=_form(word))
    best = 0.0
    meant = None
    for form in (form for form in reversed(forms) if form in close):
        matcher.set_seq1(form)
        if matcher.ratio() > best:
            best, meant = matcher.ratio(), forms[form]
    return meant


def path_text(path: Path) -> str:
    """`models.fast.deployments[1].provider`; names with other characters stand in brackets and quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            text += f".{step}"
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text.removeprefix(".")


def render(name: str, mistake: Mistake) -> str:
    """One mistake as lines for a terminal."""
    where = f"{name}:{mistake.line}:{mistake.column}" if mistake.line else name
    lines = [": ".join(part for part in (where, mistake.path, mistake.problem) if part)]
    if mistake.excerpt:
        lines.append(textwrap.indent(mistake.excerpt, "    | "))
    if mistake.found:
        lines.append(f"    found:    {mistake.found}")
    if mistake.allowed:
        allowed = textwrap.wrap(mistake.allowed, 96, break_long_words=False, break_on_hyphens=False)
        lines.append("    allowed:  " + f"\n{' ' * 14}".join(allowed))
    if mistake.nearest:
        lines.append(f"    did you mean {mistake.nearest}?")
    return "\n".join(lines)


def _form(word: str) -> str:
    return word.casefold().replace("-", "_")
