"""Reads Word documents: https://python-docx.readthedocs.io."""

import re
from pathlib import Path

import docx
from docx.document import Document
from docx.table import Table
from docx.text.paragraph import Paragraph

from gateway.ingest.text import Text

_HEADING = re.compile(r"heading ([1-6])", re.IGNORECASE)
_PAGE_BREAK = './/w:br[@w:type="page"]'
"""Those that somebody wants; where Word itself begins a page says nothing about the text."""


def warm() -> None:
    """Nothing is left to load."""


def read(source: Path, text: Text) -> None:
    """Write paragraphs and tables in their order."""
    _write(docx.Document(str(source)), text)


def _write(document: Document, text: Text) -> None:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            _table(block, text)
        else:
            _paragraph(block, text)


def _paragraph(paragraph: Paragraph, text: Text) -> None:
    if paragraph._p.xpath(_PAGE_BREAK):
        text.page_break()
    style = (paragraph.style.name if paragraph.style is not None else None) or ""
    if heading := _HEADING.fullmatch(style):
        text.heading(paragraph.text, int(heading[1]))
    elif style == "Title":
        text.heading(paragraph.text)
    else:
        text.write(("- " if style.startswith("List") else "") + paragraph.text + "\n")


def _table(table: Table, text: Text) -> None:
    text.write("\n")
    for row in table.rows:
        text.row([cell.text for cell in row.cells])
    text.write("\n")
