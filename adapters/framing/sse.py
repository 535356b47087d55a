"""Server-sent events: cut a byte stream into whole frames, read one, write one.

A frame is everything up to and with its blank line, as it was written; a line ends in LF, CRLF or CR.
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re

from msgspec import Struct

FRAME_MAX = 8 * 1024 * 1024
"""Bytes of one frame that are held while its end is awaited."""

_BOM = b"\xef\xbb\xbf"
# A CR that ends what has come so far may be half of a CRLF: the frame is whole when the next byte is in.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n]))")
_USUAL_ENDS = (b"}\n\n", b"]\n\n")  # of JSON, and of `[DONE]`
_USUAL_END_CRLF = b"}\r\n\r\n"
LF, CR = 0x0A, 0x0D
"""As numbers: looking for bytes in bytes costs the interpreter an exception first, and this is done for every chunk."""
_LONGEST_CUT = 3  # bytes of a blank line that may have come before the rest of it


class FrameTooLarge(Exception):
    """A frame does not end within the bound."""


class Event(Struct, frozen=True):
    """What a frame says."""

    name: bytes
    data: bytes | None
    """Its data lines joined by LF, None where it has none."""


class Framer:
    """Lets whole frames through and holds the one that is still coming in."""

    __slots__ = ("_held", "_limit")

    def __init__(self, limit: int = FRAME_MAX) -> None:
        self._held = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the frames that are whole, byte for byte, or nothing yet.

        Raises FrameTooLarge once the frame that is held is over the limit.
        """
        held = self._held
        if not held and ((data.endswith(_USUAL_ENDS) and CR not in data) or data.endswith(_USUAL_END_CRLF)):
            return data
        if len(held) > self._limit:
            raise FrameTooLarge
        start = max(0, len(held) - _LONGEST_CUT)
        held += data
        end = _last_frame_end(held, start)
        whole = bytes(held[:end])
        del held[:end]
        return whole

    def close(self) -> bytes:
        """Give the frame that never ended; nothing where the stream ended on a whole one."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


def split(frames: bytes) -> list[bytes]:
    """Cut what `Framer.feed` gave into single frames."""
    if frames.endswith(_USUAL_END_CRLF) and frames.count(b"\n") == frames.count(b"\r") == 2:
        return [frames]
    if frames.find(b"\n\n") == len(frames) - 2 and CR not in frames:
        return [frames]
    parts = []
    start = 0
    if CR in frames:
        for blank in _BLANK_LINE.finditer(frames):
            parts.append(frames[start : blank.end()])
            start = blank.end()
    else:
        while (end := frames.find(b"\n\n", start)) >= 0:
            parts.append(frames[start : end + 2])
            start = end + 2
    if start < len(frames):
        parts.append(frames[start:])
    return parts


def parse(frame: bytes) -> Event:
    """Read one frame; comments and fields other than `event` and `data` are left out."""
    start = frame.find(b"data: {")
    if start == 0 or (start > 0 and frame.startswith(b"event: ") and frame.find(b"\n") == start - 1):
        name = frame[len(b"event: ") : start - 1] if start else b""
        data = frame[start + len(b"data: ") :].rstrip(b"\r\n")
        if LF not in data and CR not in data and CR not in name:
            return Event(name, data)  # one line of JSON, as nearly all are
    name = b""
    lines: list[bytes] = []
    for line in _lines(frame):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(name, b"\n".join(lines) if lines else None)


def write(data: bytes) -> bytes:
    """A frame with this data."""
    return b"".join(b"data: " + line + b"\n" for line in data.splitlines() or (b"",)) + b"\n"


def with_data(frame: bytes, data: bytes) -> bytes:
    """The same frame with other data; its comments and other fields come first."""
    kept = (line + b"\n" for line in _lines(frame) if line and line.partition(b":")[0] != b"data")
    return b"".join(kept) + write(data)


def _lines(frame: bytes) -> list[bytes]:
    return frame.removeprefix(_BOM).splitlines()


def _last_frame_end(buffer: bytearray, start: int) -> int:
    blank = buffer.rfind(b"\n\n", start)
    piled_up = blank > 0 and buffer[blank - 1] == LF
    if buffer.find(b"\r", start) < 0 and not piled_up:
        return blank + 2 if blank >= 0 else 0
    end = 0
    for match in _BLANK_LINE.finditer(buffer, start):
        end = match.end()
    return end
