"""AWS's binary event stream: cut a byte stream into messages, check them, write one.

A message is a prelude (its length, the length of its headers and a CRC of both), headers, a payload, and a CRC of all
that. Numbers have their highest byte first.
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from zlib import crc32

from msgspec import Struct

HEADERS_MAX = 131_072
"""Bytes of one message's headers."""
PAYLOAD_MAX = 25_165_824
"""Bytes of one message's payload: 24 MiB."""

Value: TypeAlias = bool | int | str | bytes

_PRELUDE = struct.Struct("!III")
_CRC = struct.Struct("!I")
_LENGTH = struct.Struct("!H")
_LEAST = _PRELUDE.size + _CRC.size
_STRING = 7


class DamagedStream(Exception):
    """Bytes that are no event stream: a CRC that does not fit, a length over the bounds, a header that is none."""


class Message(Struct, frozen=True):
    """One message; a header's name starts with a colon where the framing itself defines it."""

    headers: Mapping[str, Value]
    payload: bytes


class Messages:
    """Gives whole messages and holds the one that is still coming in."""

    __slots__ = ("_awaited", "_held")

    def __init__(self) -> None:
        self._held = bytearray()
        self._awaited = 0
        """Bytes to hold until there is more to read."""

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes cut anywhere; give the messages that are whole.

        Raises DamagedStream; where whole messages came before the damage, it gives those, and raises when called again.
        """
        held = self._held
        if held:
            held += data
            if len(held) < self._awaited:
                return []
            data = bytes(held)
            held.clear()
        messages: list[Message] = []
        start = self._awaited = 0
        try:
            while (end := _end_of_message(data, start)) <= len(data):
                messages.append(_message(data[start:end]))
                start = end
            self._awaited = end - start
        except DamagedStream:
            if not messages:
                raise
        finally:
            held += data[start:]
        return messages


def write(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message whose headers are strings."""
    written = b"".join(map(_written, headers.items()))
    lengths = _PRELUDE.pack(_LEAST + len(written) + len(payload), len(written), 0)[:8]
    message = lengths + _CRC.pack(crc32(lengths)) + written + payload
    return message + _CRC.pack(crc32(message))


def _written(header: tuple[str, str]) -> bytes:
    name, value = header[0].encode(), header[1].encode()
    return bytes((len(name),)) + name + bytes((_STRING,)) + _LENGTH.pack(len(value)) + value


def _end_of_message(data: bytes, start: int) -> int:
    """Where the message ends that starts here, as far as can be told: that of its prelude at least."""
    if len(data) - start < _PRELUDE.size:
        return start + _PRELUDE.size
    length, of_headers, checksum = _PRELUDE.unpack_from(data, start)
    if crc32(data[start : start + 8]) != checksum:
        raise DamagedStream("the checksum of a message's lengths does not fit")
    if of_headers > HEADERS_MAX or not of_headers <= length - _LEAST <= of_headers + PAYLOAD_MAX:
        raise DamagedStream("a message's lengths are out of bounds")
    return start + int(length)


def _message(raw: bytes) -> Message:
    if crc32(raw[:-4]) != _CRC.unpack_from(raw, len(raw) - 4)[0]:
        raise DamagedStream("the checksum of a message does not fit")
    body = _PRELUDE.size + _PRELUDE.unpack_from(raw)[1]
    return Message(_headers(raw[_PRELUDE.size : body]), raw[body:-4])


@lru_cache(maxsize=128)
def _few_headers(raw: bytes) -> Mapping[str, Value]:
    """Nearly all messages of a stream have one of a handful of headers."""
    return _read_headers(raw)


def _headers(raw: bytes) -> Mapping[str, Value]:
    return _few_headers(raw) if len(raw) < 256 else _read_headers(raw)


def _read_headers(raw: bytes) -> Mapping[str, Value]:
    headers: dict[str, Value] = {}
    place = 0
    try:
        while place < len(raw):
            name = raw[place + 1 : place + 1 + raw[place]].decode()
            place += 1 + raw[place]
            value, place = _READERS[raw[place]](raw, place + 1)
            if name in headers:
                raise DamagedStream("a message has a header twice")
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError):
        raise DamagedStream("a message's headers can't be read") from None
    if place > len(raw):
        raise DamagedStream("a message's headers can't be read")
    return headers


_Reader: TypeAlias = Callable[[bytes, int], tuple[Any, int]]


def _fixed(form: str) -> _Reader:
    layout = struct.Struct(form)

    def read(raw: bytes, place: int) -> tuple[Any, int]:
        return layout.unpack_from(raw, place)[0], place + layout.size

    return read


def _of_any_length(raw: bytes, place: int) -> tuple[bytes, int]:
    start = place + _LENGTH.size
    end = start + int(_LENGTH.unpack_from(raw, place)[0])
    return raw[start:end], end


def _text(raw: bytes, place: int) -> tuple[str, int]:
    value, end = _of_any_length(raw, place)
    return value.decode(), end


_READERS: tuple[_Reader, ...] = (
    lambda raw, place: (True, place),
    lambda raw, place: (False, place),
    _fixed("!b"),
    _fixed("!h"),
    _fixed("!i"),
    _fixed("!q"),
    _of_any_length,
    _text,
    _fixed("!q"),  # a time, in milliseconds since 1970
    _fixed("!16s"),  # a UUID
)
"""By the number that a header's type has."""
