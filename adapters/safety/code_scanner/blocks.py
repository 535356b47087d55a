"""The code in a text: fenced blocks, as Markdown has them, closed or not.

https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPENING = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n]*")


class Block(NamedTuple):
    """A piece of code."""

    language: str
    """In lower case; empty where it was not said."""
    code: str
    line: int
    """On which line of the text its first line stands, from 1 on."""


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a text, in order."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening is None:
            continue
        first = at
        while at < len(lines) and not _closes(lines[at], opening["fence"]):
            at += 1
        yield Block(opening["language"].lower(), "\n".join(lines[first:at]) + "\n", first + 1)
        at += 1


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and set(mark) == {fence[0]} and len(line) - len(line.lstrip()) < 4
