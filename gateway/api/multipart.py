"""multipart/form-data (RFC 7578) as it arrives: fields whole, files in pieces, nothing held."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any, TypeAlias

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from adapters.wire.errors import BadRequest, TooLarge, UnsupportedMediaType

_SEGMENTS = 32
_FIELD_BYTES = 65_536
_OVERHEAD = _SEGMENTS * 8_192
"""Of a body, besides its file: the boundaries, headers and fields."""
_PREAMBLE_BYTES = 65_536
_BOUNDARY_MOST = 200
"""Characters; RFC 2046 allows 70."""


class Field(Struct, frozen=True):
    """A field that has arrived whole."""

    name: str
    value: str


class FileBegins(Struct, frozen=True):
    """The pieces that follow are of this file."""

    name: str
    filename: str | None
    media_type: str = "application/octet-stream"


Event: TypeAlias = Field | FileBegins | bytes


async def read_form(
    receive: Any, headers: dict[bytes, bytes], *, files: tuple[str, ...], most: int, setting: str
) -> AsyncGenerator[Event, None]:
    """What a body tells, as it arrives. `files` are the names of fields that are files, of up to `most` bytes.

    Raises UnsupportedMediaType, TooLarge (at once where the length is declared), BadRequest for what is no such form
    and when the client leaves, and RequestTimeout.
    """
    parser = PushMultipartParser(_boundary(headers), max_segment_count=_SEGMENTS)
    declared = headers.get(b"content-length")
    if declared is not None and int(declared) > most + _OVERHEAD:
        raise _too_large(most, setting)
    reading = _Reading(files, most, setting)
    more, size = True, 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The client left before its request was whole.", code="client_left")
        more = message["more_body"]
        size += len(message["body"])
        if size > most + _OVERHEAD:
            raise _too_large(most, setting)
        if not reading.began and size - len(message["body"]) > _PREAMBLE_BYTES:
            raise _unreadable("its boundary is not in the body")
        for event in _events(parser, message["body"], reading):
            yield event
    _close(parser)


def _events(parser: PushMultipartParser, data: bytes, reading: "_Reading") -> Iterator[Event]:
    if not data:
        return
    try:
        for part in parser.parse(data):
            if (event := reading.take(part)) is not None:
                yield event
    except ParserLimitReached as error:
        raise BadRequest(
            f"The form has more than {_SEGMENTS} fields, or headers that are too long.", code="invalid_multipart"
        ) from error
    except MultipartError as error:
        raise _unreadable(str(error)) from error


def _close(parser: PushMultipartParser) -> None:
    try:
        parser.close()
    except MultipartError:
        raise _unreadable("it ends before its last boundary") from None


class _Reading:
    """The segment that is being read."""

    def __init__(self, files: tuple[str, ...], most: int, setting: str) -> None:
        self._files = files
        self._most = most
        self._setting = setting
        self._name = ""
        self._is_file = False
        self._size = 0
        self._value: list[bytes] = []
        self.began = False

    def take(self, part: MultipartSegment | bytes | bytearray | None) -> Event | None:
        """Take what the parser found; give what is whole by it."""
        if isinstance(part, MultipartSegment):
            return self._begin(part)
        if part is None:
            return None if self._is_file else self._field()
        return self._more(bytes(part))

    def _begin(self, segment: MultipartSegment) -> Event | None:
        self.began = True
        self._name = segment.name or ""
        self._is_file = self._name in self._files
        self._size = 0
        self._value = []
        if not self._is_file:
            return None
        return FileBegins(self._name, segment.filename, segment.content_type or "application/octet-stream")

    def _more(self, data: bytes) -> Event | None:
        self._size += len(data)
        if self._is_file:
            if self._size > self._most:
                raise _too_large(self._most, self._setting)
            return data
        if self._size > _FIELD_BYTES:
            raise BadRequest(
                f"The field '{self._name[:64]}' is over {_FIELD_BYTES} bytes.",
                param=self._name[:64],
                code="invalid_value",
            )
        self._value.append(data)
        return None

    def _field(self) -> Field:
        try:
            return Field(self._name, b"".join(self._value).decode())
        except UnicodeDecodeError:
            raise BadRequest(
                f"The field '{self._name[:64]}' is no UTF-8.", param=self._name[:64], code="invalid_value"
            ) from None


def _boundary(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"content-type", b"").decode("latin-1")
    media_type, options = parse_options_header(given)
    if media_type != "multipart/form-data":
        raise UnsupportedMediaType(
            f"Send the file with 'Content-Type: multipart/form-data', not '{media_type[:64] or 'none'}'."
        )
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise UnsupportedMediaType("Compressed request bodies are not taken: send the form as it is.")
    boundary: str = options.get("boundary", "")
    if not boundary or len(boundary) > _BOUNDARY_MOST or "\n" in boundary:
        raise _unreadable("the Content-Type names no boundary")
    return boundary


def _too_large(most: int, setting: str) -> TooLarge:
    return TooLarge(f"The file is over {most} bytes ({setting}).", param="file")


def _unreadable(reason: str) -> BadRequest:
    return BadRequest(f"The body can't be read as multipart/form-data: {reason}.", code="invalid_multipart")
