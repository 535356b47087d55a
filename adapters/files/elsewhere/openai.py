"""OpenAI's files API, and those made after it: Groq's, Mistral's, Together's, those of servers that people run.

https://platform.openai.com/docs/api-reference/files
"""

from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from adapters.files.elsewhere.contract import (
    Fields,
    FilesApi,
    Sending,
    Told,
    Unreadable,
    content,
    end,
    file_part,
    form,
    one,
    part,
)
from adapters.inference.openai import join

_TOGETHER = frozenset({"api.together.ai", "api.together.xyz"})
"""Together takes files elsewhere, and their name in a field: https://docs.together.ai/reference/upload-file"""


class _File(Struct):
    id: str
    filename: str | None = None
    bytes: int | None = None
    created_at: int | None = None
    expires_at: int | None = None


_read = msgspec.json.Decoder(_File)


def _send(base_url: str, filename: str, media_type: str, boundary: str) -> Sending:
    path = "/files/upload" if _is_together(base_url) else "/files"
    return form(join(base_url, path), [file_part(boundary, filename, media_type)], boundary)


def _tail(boundary: str, fields: Fields, base_url: str, filename: str) -> bytes:
    said = {**fields, "file_name": filename} if _is_together(base_url) else fields
    return b"".join(part(boundary, name, value) for name, value in said.items()) + end(boundary)


def _is_together(base_url: str) -> bool:
    return urlsplit(base_url).hostname in _TOGETHER


def _told(body: bytes) -> Told:
    try:
        file = _read.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable from None
    return Told(file.id, file.filename, file.bytes, file.created_at, file.expires_at)


API = FilesApi(_send, _tail, one, content, _told)
