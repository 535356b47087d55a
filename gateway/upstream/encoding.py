"""Content codings of answers: gzip and deflate, decoded as they come and never more than a piece at a time."""

import zlib
from typing import TYPE_CHECKING

from adapters.wire.errors import UpstreamError, UpstreamUnreachable

if TYPE_CHECKING:
    from zlib import _Decompress

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_ZLIB_HEADER = 2
PIECE = 262_144
"""Decoded bytes given at once: a small answer can't become a large one in one step."""


class UnknownCoding(ValueError):
    """A content-encoding that nobody asked for."""


class Decoder:
    """Decodes one body: `feed` what came, take `pending` until it is empty, `finish` at the body's end."""

    __slots__ = ("_gzip", "_inflate", "_input", "_more")

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inflate: _Decompress | None = None
        self._input = b""
        self._more = False

    def feed(self, data: bytes) -> None:
        """Take bytes cut anywhere, once everything pending was taken."""
        self._input += data
        self._more = bool(self._input)

    def pending(self) -> bytes:
        """The next decoded bytes, b"" when there are none without more input.

        Raises UpstreamError on bytes that are not so encoded.
        """
        while self._more:
            inflate = self._inflate
            if inflate is None or inflate.eof:
                inflate = self._inflate = self._next_member()
                if inflate is None:
                    self._more = False
                    break
            try:
                data = inflate.decompress(self._input, PIECE)
            except zlib.error:
                raise _undecodable() from None
            self._input = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            self._more = bool(self._input) or (len(data) == PIECE and not inflate.eof)
            if data:
                return data
        return b""

    def finish(self) -> None:
        """Raises UpstreamUnreachable when the body ended inside its encoding."""
        if self._input or (self._inflate is not None and not self._inflate.eof):
            raise UpstreamUnreachable("The provider's answer was cut short inside its encoding.")

    def _next_member(self) -> "_Decompress | None":
        """What decodes the input from here on: a gzip body may be several in a row (RFC 1952, 2.2).

        `deflate` is meant to be zlib's format, and some send it bare (RFC 9110, 8.4.1.2): the header tells.
        """
        if self._gzip:
            return zlib.decompressobj(_GZIP)
        if self._inflate is not None:
            raise _undecodable()
        if len(self._input) < _ZLIB_HEADER:
            return None
        first, second = self._input[:_ZLIB_HEADER]
        has_header = first & 0x0F == zlib.DEFLATED and (first << 8 | second) % 31 == 0
        return zlib.decompressobj(_ZLIB if has_header else _RAW)


def decoder_for(coding: bytes) -> Decoder | None:
    """What decodes a content-encoding, None where nothing has to be. Raises UnknownCoding."""
    match coding.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return Decoder(gzip=True)
        case b"deflate":
            return Decoder(gzip=False)
    raise UnknownCoding("its content-encoding is neither gzip nor deflate")


def _undecodable() -> UpstreamError:
    return UpstreamError("The provider's answer is not in the encoding that its content-encoding header says.")
