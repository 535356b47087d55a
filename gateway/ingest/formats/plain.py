"""Reads what is text already: notes, Markdown, CSV, JSON, source code. UTF-8 unless its bytes say otherwise."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.ingest.contract import FileRefused
from gateway.ingest.text import Text

_BLOCK = 1_048_576
_SAMPLE = 65_536
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins like that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\f\r\x1b")
_CONTROLS_MAX = 0.02
"""Of all bytes, in what is still taken for text."""
_WIDE = ("utf_16", "utf_32")
"""Their bytes look like controls."""
_DECLARED = re.compile(rb"<meta[^>]{1,200}charset=[\"']?([A-Za-z0-9_-]{2,40})", re.IGNORECASE)


def warm() -> None:
    """Load what guesses encodings."""
    import charset_normalizer  # noqa: F401


def read(source: Path, text: Text) -> None:
    """Write a text as it is. Raises FileRefused on bytes that are none."""
    for decoded in decodings(source):
        try:
            for part in decoded:
                text.write(part)
        except UnicodeDecodeError:
            text.begin_again()
        else:
            return


def decodings(source: Path) -> Iterator[Iterator[str]]:
    """A text in parts, in what it is probably written in; all but the last may raise UnicodeDecodeError.

    Raises FileRefused on bytes that are no text.
    """
    with source.open("rb") as file:
        sample = file.read(_SAMPLE)
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            yield _parts(source, encoding, "replace")
            return
    is_text = len(sample.translate(None, _CONTROLS)) >= len(sample) * (1 - _CONTROLS_MAX)
    if is_text:
        yield _parts(source, "utf-8-sig", "strict")
    found = _declared(sample) or _guessed(_telling(source) if is_text else sample)
    if found is None or not (is_text or found.startswith(_WIDE)):
        raise FileRefused("unsupported_file", "It is neither text nor a document of a kind that is read.")
    yield _parts(source, found, "replace")


def _parts(source: Path, encoding: str, errors: str) -> Iterator[str]:
    with source.open(encoding=encoding, errors=errors, newline="") as file:
        while part := file.read(_BLOCK):
            yield part


def _declared(sample: bytes) -> str | None:
    """What a page says of itself: https://html.spec.whatwg.org/multipage/semantics.html#charset."""
    found = _DECLARED.search(sample)
    if found is None:
        return None
    name = found[1].decode()
    try:
        b" ".decode(name)
    except (LookupError, UnicodeError):  # unknown, or a codec of something else than text
        return None
    return codecs.lookup(name).name


def _telling(source: Path) -> bytes:
    """The first part of a text that is not the same in most encodings."""
    with source.open("rb") as file:
        return next((part for part in iter(lambda: file.read(_SAMPLE), b"") if not part.isascii()), b"")


def _guessed(sample: bytes) -> str | None:
    as_utf_8 = sample.decode("utf-8", "replace")
    wrong = as_utf_8.count("\ufffd")
    if len(as_utf_8) - len(as_utf_8.encode("ascii", "ignore")) > 2 * wrong:  # nothing else looks like that by chance
        return "utf-8-sig"
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    best = from_bytes(sample).best()
    return best.encoding if best is not None else None
