"""A text under judgement: what checks are shown of it, what they marked, and what is said in its place."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\[^u]")
_QUOTES = re.compile(r'\\.|"', re.DOTALL)
_decode = msgspec.json.Decoder(str).decode
_MARK_MAX = 8_192
"""Characters of a mark that are kept for it to grow."""


class Mark:
    """A part of a text that is not to be said, and what is said instead."""

    __slots__ = ("end", "is_new", "is_told", "label", "start")

    def __init__(self, start: int, end: int, label: str) -> None:
        self.start = start
        self.end = end
        self.label = label
        self.is_told = False
        """The label has been said already."""
        self.is_new = True
        """Those who judge the text after whoever marked it are shown the label."""


class _Run(NamedTuple):
    """Characters of a view that stand for characters of the text."""

    shown_at: int
    start: int
    end: int
    is_same: bool
    """One by one; where not, all of them stand for all."""


class View:
    """What a check is shown: escapes of JSON undone, and labels for what was marked before."""

    __slots__ = ("_runs", "_starts", "shown")

    def __init__(self, shown: str, runs: list[_Run]) -> None:
        self.shown = shown
        self._runs = runs
        self._starts = [run.shown_at for run in runs]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The places in the text for places in what was shown; whatever stands for several is taken whole."""
        first = self._runs[bisect_right(self._starts, start) - 1]
        last = self._runs[bisect_right(self._starts, end - 1) - 1]
        begin = first.start + (start - first.shown_at if first.is_same else 0)
        return begin, (last.start + end - last.shown_at if last.is_same else last.end)


class Text:
    """A text that comes in pieces and is said in pieces, both from its beginning on. Places count from there too.

    A text of JSON stays JSON: a label in the place of a number is written as a string.
    """

    __slots__ = ("_base", "_in_string", "_more", "_raw", "_scanned", "end", "is_json", "judged", "marks")

    def __init__(self, is_json: bool = False, text: str = "") -> None:
        self.is_json = is_json
        self.marks: list[Mark] = []
        """In order, none over another."""
        self.judged = 0
        """Up to where checks have seen it."""
        self.end = len(text)
        """How long it is so far."""
        self._raw = text
        self._base = 0
        self._more: list[str] = []
        self._scanned = 0
        self._in_string = False

    def add(self, piece: str) -> None:
        """One more piece."""
        self._more.append(piece)
        self.end += len(piece)

    def begin(self) -> None:
        """It is judged anew: what was marked before is shown as it is, since more of it may have come."""
        for mark in self.marks:
            mark.is_new = False

    def view(self, start: int = 0) -> View:
        """What is shown of it from a place on; a mark that lies across that place is shown from its start."""
        raw, base = self._whole(), self._base
        start = max(start, base)
        for mark in self.marks:
            if mark.start < start < mark.end:
                start = max(mark.start, base)
        parts: list[str] = []
        runs: list[_Run] = []
        at = 0
        for begin, end, shown in self._shown(raw, start - base):
            parts.append(raw[begin:end] if shown is None else shown)
            if parts[-1]:
                runs.append(_Run(at, begin + base, end + base, shown is None))
            at += len(parts[-1])
        return View("".join(parts), runs)

    def mark(self, start: int, end: int, label: str) -> None:
        """What stands there is not to be said. Marks that lie over one another become one, named as the longest."""
        new = Mark(start, end, label)
        longest = end - start
        kept = []
        for mark in self.marks:
            if mark.start < new.end and new.start < mark.end:
                if mark.end - mark.start >= longest:
                    new.label, longest = mark.label, mark.end - mark.start
                new.start, new.end = min(mark.start, new.start), max(mark.end, new.end)
                new.is_told = new.is_told or mark.is_told
            else:
                kept.append(mark)
        self.marks = sorted([*kept, new], key=lambda mark: mark.start)

    def is_marked(self, start: int, end: int) -> bool:
        """Whether a part of it is not to be said."""
        return any(mark.start < end and start < mark.end for mark in self.marks)

    def say(self, start: int, end: int) -> str:
        """What is said in the place of a piece; each is asked for once, in order."""
        raw, base = self._whole(), self._base
        parts = []
        at = start
        for mark in self.marks:
            if mark.start >= end or mark.end <= at:
                continue
            parts.append(raw[at - base : max(mark.start, at) - base])
            if not mark.is_told:
                mark.is_told = True
                parts.append(self._label(mark, raw))
            at = min(mark.end, end)
        parts.append(raw[at - base : end - base])
        return "".join(parts)

    def forget(self, before: int) -> None:
        """What stands before a place is needed no more."""
        raw = self._whole()
        for mark in self.marks:
            if mark.start < before < mark.end and before - mark.start <= _MARK_MAX:
                before = mark.start  # it may turn out to be longer
        if before <= self._base:
            return
        self._scan(before, raw)
        if self.is_json:
            before = min(before, self._scanned)
        if before > self._base:
            self._raw = raw[before - self._base :]
            self._base = before
            self.marks = [mark for mark in self.marks if mark.end > before]

    def _whole(self) -> str:
        if self._more:
            self._raw += "".join(self._more)
            self._more.clear()
        return self._raw

    def _shown(self, raw: str, start: int) -> Iterator[tuple[int, int, str | None]]:
        """The parts of the text, in order, and what is shown for each: None for itself."""
        at = start
        for mark in self.marks:
            begin, end = max(mark.start - self._base, start), mark.end - self._base
            if mark.is_new and end > at:
                yield from self._unescaped(raw, at, begin)
                yield begin, end, f"<{mark.label}>"
                at = end
        yield from self._unescaped(raw, at, len(raw))

    def _unescaped(self, raw: str, start: int, end: int) -> Iterator[tuple[int, int, str | None]]:
        if self.is_json:
            for escape in _ESCAPES.finditer(raw, start, end):
                yield start, escape.start(), None
                yield escape.start(), escape.end(), _meaning(escape[0])
                start = escape.end()
        if start < end:
            yield start, end, None

    def _label(self, mark: Mark, raw: str) -> str:
        label = f"<{mark.label}>"
        if not self.is_json:
            return label
        self._scan(mark.start, raw)
        return label if self._in_string else f'"{label}"'

    def _scan(self, end: int, raw: str) -> None:
        """Find whether a place of JSON is inside a string."""
        if not self.is_json or end <= self._scanned:
            return
        for found in _QUOTES.finditer(raw, self._scanned - self._base, end - self._base):
            if found[0] == '"':
                self._in_string = not self._in_string
            self._scanned = found.end() + self._base
        if raw[end - self._base - 1] != "\\" or self._scanned == end:
            self._scanned = end  # else half of an escape, which is looked at with its other half


def _meaning(escape: str) -> str:
    try:
        return _decode(f'"{escape}"')
    except msgspec.DecodeError:
        return "\ufffd"
