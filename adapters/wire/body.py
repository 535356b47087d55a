"""A client's request body, parsed only as deep as somebody asks."""

import re
from copy import copy
from typing import TypeVar

import msgspec
from msgspec import Raw

from adapters.wire.carried import MARK
from adapters.wire.errors import BadRequest

_fields = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_TRUE = b"true"
_MARK = MARK.encode()
_JUDGED = frozenset({"model", "stream", "stream_options"})
"""The fields that the gateway decides by."""
_MODEL_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
"""It goes into headers and bounded caches."""
_ELSEWHERE = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
"""It goes into URLs, where this would lead to another of the provider's doors."""

T = TypeVar("T")


class StreamOptions(msgspec.Struct):
    """The part of `stream_options` that the gateway has business with."""

    include_usage: bool | None = None


_stream_options = msgspec.json.Decoder(StreamOptions | None)


class _Key:
    """A key as it stands in the body: equal to no other, so that a dict keeps it beside its twin."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_members = msgspec.json.Decoder(dict[_Key, Raw], dec_hook=lambda kind, name: kind(name))


class Body:
    """One inference request: its top-level fields as raw bytes, and the three that every door looks at.

    `fields` keeps each value exactly as the client wrote it; whoever changes the request copies the dict first.
    """

    __slots__ = ("carries", "fields", "is_compact", "model", "on_unsupported", "size", "stream", "wants_usage")

    def __init__(self, fields: dict[str, Raw], model: str, stream: bool, wants_usage: bool) -> None:
        self.fields = fields
        self.model = model
        self.stream = stream
        self.wants_usage = wants_usage
        """Whether the client asked for usage in its stream."""
        self.carries = False
        """Whether an id may hold what a dialect wants back: see carried.py."""
        self.is_compact = False
        """Whether it was written without white space between its fields, as nearly all clients do."""
        self.size = 0
        """Bytes of the body as it came; 0 for one that was made here."""
        self.on_unsupported: str | None = None
        """`report` or `refuse`, where the client said what becomes of parameters that the target can't take."""

    def without(self, *names: str) -> "Body":
        """The same request without some fields."""
        rest = copy(self)
        rest.fields = {name: value for name, value in self.fields.items() if name not in names}
        return rest


def parse(raw: bytes, *, default_model: Raw | None = None) -> Body:
    """Read the top level of a request.

    Raises BadRequest on anything but one JSON object in UTF-8 with distinct keys, a `model` where there is no default,
    a boolean `stream` and `stream_options` that fit: no two readers may understand it differently.
    """
    try:
        fields = _fields.decode(raw)
        if not raw.isascii():
            raw.decode()  # msgspec does not look into what it keeps raw
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _unreadable(raw, error) from None
    # Written anew the fields are as long as they came, unless there is white space or an escape, or a key is lost.
    is_compact = len(_encode(fields)) == len(raw)
    if not is_compact:
        _refuse_repeated_keys(raw)
    _refuse_other_spellings(fields)
    model = fields.get("model", default_model)
    if model is None:
        raise BadRequest("You must provide a 'model' parameter.", param="model", code="missing_required_parameter")
    stream = False
    wants_usage = False
    if (value := fields.get("stream")) is not None:
        stream = _boolean("stream", value)
    if (options := fields.get("stream_options")) is not None:
        wants_usage = _wants_usage(options) and stream
    body = Body(fields, _model_name(model), stream, wants_usage)
    body.is_compact = is_compact
    body.size = len(raw)
    body.carries = raw.find(_MARK) >= 0  # `in` would cost an exception inside the interpreter first
    return body


def decode_field(fields: dict[str, Raw], name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """One field as a type, None where the client left it out. Raises BadRequest naming the field."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"Invalid '{name}': {error}.", param=name, code="invalid_type") from None


def _model_name(value: Raw) -> str:
    try:
        name = _text.decode(value)
    except msgspec.DecodeError:
        raise BadRequest("Invalid type for 'model': expected a string.", param="model", code="invalid_type") from None
    if _MODEL_NAME.fullmatch(name) is None or ("/" in name and _ELSEWHERE.search(name)) or name in (".", ".."):
        raise BadRequest(
            "'model' must have 1 to 512 characters, no control characters, and no '.' or '..' between slashes.",
            param="model",
            code="invalid_value",
        )
    return name


def _boolean(name: str, value: Raw) -> bool:
    written = bytes(value)
    if written == _TRUE:
        return True
    if written in (b"false", b"null"):
        return False
    raise BadRequest(f"Invalid type for '{name}': expected a boolean.", param=name, code="invalid_type")


def _wants_usage(value: Raw) -> bool:
    try:
        options = _stream_options.decode(value)
    except msgspec.DecodeError as error:
        raise BadRequest(f"Invalid 'stream_options': {error}.", param="stream_options", code="invalid_type") from None
    return bool(options and options.include_usage)


def _unreadable(raw: bytes, error: Exception) -> BadRequest:
    if not raw.strip():
        return BadRequest("The request has no body: send a JSON object.", code="missing_body")
    if isinstance(error, msgspec.ValidationError):
        return BadRequest("The request body must be a JSON object.", code="invalid_type")
    return BadRequest(f"We could not parse the JSON body of your request: {error}.", code="invalid_json")


def _refuse_repeated_keys(raw: bytes) -> None:
    """Find a key that stands twice: which of the two counts differs from reader to reader, so none may pass."""
    seen = set()
    for key in _members.decode(raw):
        if key.name in seen:
            raise BadRequest(f"The key '{key.name[:64]}' stands twice in the request body.", code="duplicate_key")
        seen.add(key.name)


def _refuse_other_spellings(fields: dict[str, Raw]) -> None:
    """Find a `Model` beside or instead of `model`: some readers take it for the same, and the gateway would not know.

    Go's does: https://pkg.go.dev/encoding/json#Unmarshal ("preferring exact matches but also accepting
    case-insensitive matches"), and so does Ollama.
    """
    written = "".join(fields)
    if written.isascii() and written.islower():
        return
    for name in fields:
        if name not in _JUDGED and (meant := name.casefold()) in _JUDGED:
            raise BadRequest(f"The key '{name}' must be written '{meant}'.", param=meant, code="ambiguous_key")
