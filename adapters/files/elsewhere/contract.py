"""How a provider's own files API is spoken: where to ask, what goes before and after a file's bytes, what comes back.

The bytes themselves pass by: a request is `head`, the file, `tail`, sent as they come.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from urllib.parse import quote

from msgspec import Struct

from adapters.inference.contract import Headers
from adapters.inference.openai import join

Fields: TypeAlias = Mapping[str, str]
"""What the client said beside the file, by the names of OpenAI's form."""


class Unreadable(Exception):
    """The provider's answer is not what it should be."""


class Told(Struct, frozen=True):
    """A file, as its provider tells of it. Times are seconds since 1970."""

    id: str
    """As it stands in the provider's paths."""
    filename: str | None = None
    size: int | None = None
    created: int | None = None
    expires: int | None = None


class Sending(Struct, frozen=True):
    """A request that sends a file."""

    url: str
    headers: Headers
    head: bytes


class FilesApi(Struct, frozen=True):
    """One API: a declaration. Where a function takes a URL first, it is the provider's `base_url`."""

    send: Callable[[str, str, str, str], Sending]
    """URL, file name, media type, boundary."""
    tail: Callable[[str, Fields, str, str], bytes]
    """Boundary, fields, URL, file name: what follows the bytes."""
    one: Callable[[str, str], str]
    """Where a file of this id is shown and deleted."""
    content: Callable[[str, str], str] | None
    """Where its bytes are; None where nobody can have them back."""
    read: Callable[[bytes], Told]
    """What an answer that tells of a file says. Raises Unreadable."""
    headers: Headers = ()
    """Of every request."""


def one(base_url: str, file_id: str) -> str:
    """Where those who follow OpenAI show and delete a file."""
    return join(base_url, f"/files/{quote(file_id, safe='')}")


def content(base_url: str, file_id: str) -> str:
    """Where they have its bytes."""
    return join(base_url, f"/files/{quote(file_id, safe='')}/content")


def part(boundary: str, name: str, value: str) -> bytes:
    """A field of a form, with the delimiter before it."""
    return f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def file_part(boundary: str, filename: str, media_type: str) -> bytes:
    """What stands before a file in a form (https://www.rfc-editor.org/rfc/rfc7578)."""
    quoted = filename.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    disposition = f'Content-Disposition: form-data; name="file"; filename="{quoted}"'
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: {media_type}\r\n\r\n".encode()


def end(boundary: str) -> bytes:
    """The end of a form."""
    return f"\r\n--{boundary}--\r\n".encode()


def form(url: str, parts: Sequence[bytes], boundary: str) -> Sending:
    """A request that begins a form."""
    return Sending(url, ((b"content-type", f"multipart/form-data; boundary={boundary}".encode()),), b"".join(parts))


def seconds(text: str | None) -> int | None:
    """A time of RFC 3339. Raises Unreadable."""
    if text is None:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise Unreadable from None
