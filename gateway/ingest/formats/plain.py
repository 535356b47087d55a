"""Reads what is text already: notes, Markdown, CSV, JSON, source code. UTF-8 unless its bytes say otherwise."""

import codecs
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


def warm() -> None:
    """Load what guesses encodings."""
    import charset_normalizer  # noqa: F401


def read(source: Path, text: Text) -> None:
    """Write a text as it is. Raises FileRefused on bytes that are none."""
    for encoding in encodings(source):
        try:
            for part in decoded(source, encoding):
                text.write(part)
        except UnicodeDecodeError:
            text.begin_again()
        else:
            return
    raise FileRefused("unsupported_file", "It is neither text nor a document of a kind that is read.")


def encodings(source: Path) -> list[str]:
    """What a text may be written in, the likeliest first; nothing where it is no text."""
    with source.open("rb") as file:
        sample = file.read(_SAMPLE)
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            return [encoding]
    if len(sample.translate(None, _CONTROLS)) < len(sample) * (1 - _CONTROLS_MAX):
        guessed = _guessed(sample)
        return [guessed] if guessed in ("utf_16_be", "utf_16_le", "utf_32_be", "utf_32_le") else []
    return ["utf-8-sig", *filter(None, [_guessed(sample)])]


def decoded(source: Path, encoding: str) -> Iterator[str]:
    """A text in parts. Raises UnicodeDecodeError where it is written in something else."""
    with source.open(encoding=encoding, newline="") as file:
        while part := file.read(_BLOCK):
            yield part


def _guessed(sample: bytes) -> str | None:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    best = from_bytes(sample).best()
    return best.encoding if best is not None else None
