"""Reads HTML: the text that a browser would show, with headings, lists and tables as Markdown has them."""

from pathlib import Path
from typing import Any

from lxml import etree

from gateway.ingest.formats.plain import decodings
from gateway.ingest.text import Text

_HIDDEN = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section"),
        *("summary", "table", "tbody", "thead", "tfoot", "title", "tr", "ul", "h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
_SPACED = frozenset({"p", "table", "ul", "ol", "pre", "title", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"})
_BEFORE = {"title": "# ", "li": "- "} | {f"h{level}": "#" * level + " " for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})


def warm() -> None:
    """Nothing is left to load."""


def read(source: Path, text: Text) -> None:
    """Write what a page says. Raises FileRefused on bytes that are no text."""
    for decoded in decodings(source):
        parser = etree.HTMLParser(target=Page(text), encoding="utf-8", huge_tree=True, recover=True)
        try:
            for part in decoded:
                parser.feed(part.encode("utf-8", "replace"))
            parser.close()
        except UnicodeDecodeError:
            text.begin_again()
        else:
            return


class Page:
    """Hears the parser, and writes."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._hidden = 0
        """Elements under way whose content is not shown."""
        self._kept = 0
        """Elements under way in which space counts."""
        self._owed = ""
        """Line breaks that come before the next text."""
        self._space = False
        """Whether a space comes before the next text."""
        self._mark = ""
        """What begins the line."""
        self._cells = 0
        """Of the row under way."""

    def start(self, tag: str, attributes: Any) -> None:
        """An element begins."""
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "br":
            self._break("\n")
        elif tag in _CELLS:
            self._cells += 1
            self._mark, self._space = (" | " if self._cells > 1 else ""), False
        elif tag in _BLOCKS:
            self._block(tag)
            self._mark = _BEFORE.get(tag, "")
            self._cells = 0
            self._kept += tag == "pre"

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag in _HIDDEN:
            self._hidden -= 1
        elif tag in _BLOCKS:
            self._block(tag)
            self._mark = ""
            self._kept -= tag == "pre"

    def data(self, data: str) -> None:
        """Text, or a part of it."""
        if self._hidden:
            return
        if self._kept:
            self._write(data)
            return
        words = " ".join(data.split())
        if words:
            self._space = self._space or data[0].isspace()
            self._write(words)
        self._space = data[-1:].isspace() if words else self._space or bool(data)

    def close(self) -> None:
        """The page is over."""
        self._text.write("\n")

    def _block(self, tag: str) -> None:
        self._break("\n\n" if tag in _SPACED else "\n")

    def _break(self, lines: str) -> None:
        self._owed = max(self._owed, lines, key=len)
        self._space = False

    def _write(self, words: str) -> None:
        space = " " if self._space and not self._mark else ""
        before = "" if self._text.is_blank else self._owed or space
        self._text.write(before + self._mark + words)
        self._owed = self._mark = ""
        self._space = False
