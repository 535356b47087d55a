"""Reads PowerPoint documents: https://python-pptx.readthedocs.io."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pptx

from gateway.ingest.text import Text


def warm() -> None:
    """Nothing is left to load."""


def read(source: Path, text: Text) -> None:
    """Write the text of each slide, its title first, and what its speaker noted."""
    for number, slide in enumerate(pptx.Presentation(str(source)).slides):
        if number:
            text.page_break()
        title = slide.shapes.title
        if title is not None and title.text_frame.text.strip():
            text.heading(title.text_frame.text, 2)
        _shapes((shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id), text)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
            text.write(f"\n{notes.text}\n")


def _shapes(shapes: Iterable[Any], text: Text) -> None:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            _shapes(shape.shapes, text)
        elif shape.has_text_frame:
            text.write("".join(f"{paragraph.text}\n" for paragraph in shape.text_frame.paragraphs if paragraph.text))
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                text.row([cell.text for cell in row.cells])
