"""What kinds of files there are, how they are told apart, and who reads each.

The content decides where it can, since names are only what somebody wrote. A module of this package reads one kind: its
`read(source, text)` may raise anything on a file that is not as it should be.
"""

import errno
from importlib import import_module
from pathlib import Path

from msgspec import Struct

from gateway.ingest.contract import FileRefused
from gateway.ingest.formats.package import kind_of_package
from gateway.ingest.text import Text

OF_THE_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENFILE, errno.EROFS})
"""Errors that say nothing about a file."""
_LIBXML_NO_MEMORY = 2
"""The `code` of its errors: https://gnome.pages.gitlab.gnome.org/libxml2/html/xmlerror_8h.html."""
_HEAD = 4_096


class Format(Struct, frozen=True):
    """One kind of file."""

    name: str
    module: str
    """Of this package."""
    why_blank: str = ""
    """What to think of where a file has no text."""


_SCANNED = " Pages that are pictures have to be read by an OCR program first."
_PDF = Format("pdf", "pdf", _SCANNED)
_WORD = Format("docx", "word", _SCANNED)
_SLIDES = Format("pptx", "slides", _SCANNED)
_SHEETS = Format("xlsx", "sheets")
_HTML = Format("html", "page")
_TEXT = Format("text", "plain")
_PACKAGES = {"word": _WORD, "ppt": _SLIDES, "xl": _SHEETS}
_DOCUMENTS = frozenset({".pdf", ".docx", ".pptx", ".xlsx"})
"""Names that promise a kind which content shows."""
_PAGES = frozenset({".html", ".htm", ".xhtml"})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Office files of before 2007, and those that a password protects."""
_PAGE_BEGINS = (b"<!doctype html", b"<html")


def find(source: Path, name: str) -> Format:
    """The kind of a file. Raises FileRefused on one that is empty, or of no kind that can be read."""
    with source.open("rb") as file:
        head = file.read(_HEAD)
    suffix = Path(name).suffix.lower()
    if not head:
        raise FileRefused("invalid_file", "It is empty.")
    if head.lstrip().startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return _PDF
    if head.startswith(b"PK\x03\x04"):
        return _office(source)
    if head.startswith(_OLE):
        return _older(suffix)
    if suffix in _DOCUMENTS:
        raise FileRefused("invalid_file", f"It is named {suffix} and is no such document.")
    if head.startswith(b"{\\rtf"):
        raise FileRefused("unsupported_file", "RTF is not read: save it as .docx or .pdf.")
    begins_as_page = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE_BEGINS)
    return _HTML if suffix in _PAGES or (begins_as_page and suffix in ("", ".txt")) else _TEXT


def read(format: Format, source: Path, text: Text) -> None:
    """Have a file's text written. Raises FileRefused, MemoryError, and OSError of the machine."""
    try:
        import_module(f"{__name__}.{format.module}").read(source, text)
    except (FileRefused, MemoryError):
        raise
    except ImportError:
        message = f"This gateway reads no {format.name} files: pip install 'isthmus[documents]' changes that."
        raise FileRefused("unsupported_file", message) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            raise
        if getattr(error, "code", None) == _LIBXML_NO_MEMORY:
            raise MemoryError from None
        raise FileRefused("invalid_file", f"It is no readable {format.name} file.") from None


def warm() -> None:
    """Load every reader whose library is installed."""
    for known in (_PDF, _WORD, _SLIDES, _SHEETS, _HTML, _TEXT):
        try:
            import_module(f"{__name__}.{known.module}").warm()
        except ImportError:
            continue


def _office(source: Path) -> Format:
    kind = kind_of_package(source)
    if kind not in _PACKAGES:
        raise FileRefused("unsupported_file", "Archives are not read: unpack it, and upload what is in it.")
    return _PACKAGES[kind]


def _older(suffix: str) -> Format:
    if suffix == ".xls":
        return _SHEETS
    raise FileRefused(
        "unsupported_file",
        "Office files of before 2007 and those with a password are not read: save it as .docx, .pptx, .xlsx or .pdf.",
    )
