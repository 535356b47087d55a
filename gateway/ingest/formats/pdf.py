"""Reads PDF with PDFium, the library of Chromium: https://pypdfium2.readthedocs.io."""

from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from gateway.ingest.contract import FileRefused
from gateway.ingest.text import Text


def warm() -> None:
    """Have the library start."""
    pypdfium2.PdfDocument.new().close()


def read(source: Path, text: Text) -> None:
    """Write the text of each page. Raises FileRefused on a document that a password protects."""
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise FileRefused("invalid_file", "A password protects it: upload it without one.") from None
        raise
    for number in range(len(document)):
        if number:
            text.page_break()
        page = document[number]
        words = page.get_textpage()
        text.write(words.get_text_range())
        words.close()
        page.close()
