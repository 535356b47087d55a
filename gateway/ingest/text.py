"""The text of a file while it is being written: bounded, and of one form whatever it came from."""

import io
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.ingest.contract import FileRefused

_DROPPED = dict.fromkeys([*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0xFEFF, 0xFFFE, 0xFFFF])
"""Characters that are no text. Databases refuse some of them; U+FFFE is where PDFium took a hyphen out."""


class Text:
    """Takes text, and writes it as UTF-8 with line feeds alone. Raises FileRefused where there is too much of it."""

    def __init__(self, path: Path, most: int) -> None:
        self._file = path.open("wb")
        self._most = most
        self._lines = io.IncrementalNewlineDecoder(None, translate=True)
        self.size = 0
        """Bytes that were written."""
        self.is_blank = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        """Add text."""
        written = self._lines.decode(text).translate(_DROPPED)
        self.is_blank = self.is_blank and not written.strip()
        data = written.encode("utf-8", "replace")
        self.size += len(data)
        if self.size > self._most:
            raise FileRefused("invalid_file", f"It has more than {self._most} bytes of text.")
        self._file.write(data)

    def heading(self, text: str, level: int = 1) -> None:
        """Add a heading, as Markdown has it."""
        before = "" if self.is_blank else "\n"
        self.write(f"{before}{'#' * level} {one_line(text)}\n\n")

    def row(self, cells: list[str]) -> None:
        """Add one row of a table."""
        self.write(" | ".join(map(one_line, cells)) + "\n")

    def page_break(self) -> None:
        """Add the character that ends a page."""
        self.write("\n\f\n")

    def begin_again(self) -> None:
        """Forget everything."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        self.is_blank = True


def one_line(text: str) -> str:
    """A text without line breaks and needless space."""
    return " ".join(text.split())
