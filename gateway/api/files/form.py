"""What a client says of a file that it sends, each field judged as it arrives."""

import re
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from adapters.wire.errors import BadRequest
from gateway.api.multipart import Field

Purpose: TypeAlias = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
PURPOSES = get_args(Purpose)
_BATCH_SECONDS = 30 * 86_400
"""How long files for batches last unless said, as OpenAI has it."""
_SECONDS_LEAST, _SECONDS_MOST = 3_600, 2_592_000
_NAME_MOST = 255
_SEPARATORS = re.compile(r"[/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VISIBLE = re.compile(r"[^ .]")
NAME_PATTERN = r"^([^\x00-\x1f\x7f]*[/\\])?[^\x00-\x1f\x7f/\\]*[^\x00-\x20\x7f/\\.][^\x00-\x1f\x7f/\\]*$"
"""The same for the description of what is served."""
_PURPOSE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,10}")


class Expiry(Struct, forbid_unknown_fields=True):
    """`expires_after`."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=_SECONDS_LEAST, le=_SECONDS_MOST)]


class FileForm:
    """The fields beside a file. A provider that it is sent on to may have purposes of its own."""

    def __init__(self, *, sent_on: bool = False) -> None:
        self.purpose: str | None = None
        self._seen: set[str] = set()
        self._sent_on = sent_on
        self._anchor: str | None = None
        self._seconds: str | None = None

    def take(self, field: Field) -> None:
        """Take a field. Raises BadRequest for one that is wrong, unknown or there already."""
        if field.name in self._seen:
            raise BadRequest(f"'{field.name[:64]}' stands twice.", param=field.name[:64], code="invalid_value")
        self._seen.add(field.name)
        match field.name:
            case "purpose":
                self.purpose = purpose_elsewhere(field.value) if self._sent_on else purpose_of(field.value)
            case "expires_after[anchor]":
                self._anchor = field.value
            case "expires_after[seconds]":
                self._seconds = field.value
            case "expires_after":
                self._take_expiry(field.value)
            case _:
                raise BadRequest(
                    f"Unrecognized request argument supplied: {field.name[:64]}",
                    param=field.name[:64],
                    code="unknown_parameter",
                )

    def finish(self) -> tuple[str, int | None]:
        """The purpose, and how long the file lasts, in seconds. Raises BadRequest where something is missing."""
        if self.purpose is None:
            raise BadRequest("'purpose' is a required property", param="purpose", code="missing_parameter")
        return self.purpose, lasting(self.purpose, self.expiry())

    def _take_expiry(self, text: str) -> None:
        try:
            said = msgspec.json.decode(text, type=Expiry)
        except (msgspec.ValidationError, msgspec.DecodeError):
            raise _wrong_expiry("expires_after") from None
        self._anchor, self._seconds = said.anchor, str(said.seconds)

    def expiry(self) -> Expiry | None:
        """How long the file is to last, where the client says so. Raises BadRequest."""
        if self._anchor is None and self._seconds is None:
            return None
        if self._anchor != "created_at":
            raise _wrong_expiry("expires_after[anchor]")
        if self._seconds is None or not _DIGITS.fullmatch(self._seconds):
            raise _wrong_expiry("expires_after[seconds]")
        return _checked(Expiry("created_at", int(self._seconds)))


def purpose_of(text: str) -> Purpose:
    """A purpose that clients may give. Raises BadRequest."""
    for purpose in PURPOSES:
        if purpose == text:
            return purpose  # type: ignore[no-any-return]
    raise BadRequest(
        f"'{text[:64]}' is not one of {', '.join(repr(each) for each in PURPOSES)} - 'purpose'",
        param="purpose",
        code="invalid_value",
    )


def purpose_elsewhere(text: str) -> str:
    """A purpose that a provider may know. Raises BadRequest."""
    if not _PURPOSE.fullmatch(text):
        message = "A purpose is up to 64 letters, digits, hyphens and underscores."
        raise BadRequest(message, param="purpose", code="invalid_value")
    return text


def lasting(purpose: str, expiry: Expiry | None) -> int | None:
    """How long a file lasts, in seconds; None for ever. Raises BadRequest."""
    if expiry is None:
        return _BATCH_SECONDS if purpose == "batch" else None
    return _checked(expiry).seconds


def _checked(expiry: Expiry) -> Expiry:
    if not _SECONDS_LEAST <= expiry.seconds <= _SECONDS_MOST:
        raise _wrong_expiry("expires_after[seconds]")
    return expiry


def name_of(given: str | None, *, param: str = "file") -> str:
    """The name of a file, without the folders that a client put before it. Raises BadRequest."""
    name = _SEPARATORS.split(given or "")[-1].strip(" ")
    if len(name) > _NAME_MOST or _CONTROL.search(name) or not _VISIBLE.search(name):
        raise BadRequest(
            f"The file needs a name of up to {_NAME_MOST} printable characters, such as notes.txt.",
            param=param,
            code="invalid_filename",
        )
    return name


def _wrong_expiry(param: str) -> BadRequest:
    return BadRequest(
        f"'expires_after' has the anchor created_at and {_SECONDS_LEAST} to {_SECONDS_MOST} seconds.",
        param=param,
        code="invalid_value",
    )
