"""JSON lines: cut a byte stream into whole lines. A line ends in LF or CRLF, the last one need not end.

https://github.com/ndjson/ndjson-spec
"""

LINE_MAX = 8 * 1024 * 1024
"""Bytes of one line that are held while its end is awaited."""

_LF = 0x0A


class LineTooLarge(Exception):
    """A line does not end within the bound."""


class Lines:
    """Gives whole lines and holds the one that is still coming in."""

    __slots__ = ("_held", "_limit")

    def __init__(self, limit: int = LINE_MAX) -> None:
        self._held = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes cut anywhere; give the lines that are whole, without their ends and without empty ones.

        Raises LineTooLarge once the line that is held is over the limit.
        """
        held = self._held
        if not held and data.find(b"\n") == len(data) - 1 > 0:
            line = data.strip()  # whole and alone, as nearly all are
            return [line] if line else []
        if _LF not in data:
            held += data
            lines = []
        else:
            *lines, rest = data.split(b"\n")
            lines[0] = bytes(held) + lines[0]
            held[:] = rest
        if len(held) > self._limit:
            raise LineTooLarge
        return [line for line in map(bytes.strip, lines) if line]

    def close(self) -> bytes:
        """The line that never ended; nothing where the stream ended on a whole one."""
        rest = bytes(self._held).strip()
        self._held.clear()
        return rest
