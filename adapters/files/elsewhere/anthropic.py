"""Anthropic's files API. It has no purposes, and gives back only what its own tools made.

https://platform.claude.com/docs/en/api/files-create
"""

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
    seconds,
)
from adapters.inference.openai import join


class _File(Struct):
    id: str
    filename: str | None = None
    size_bytes: int | None = None
    created_at: str | None = None
    expires_at: str | None = None


_read = msgspec.json.Decoder(_File)


def _send(base_url: str, filename: str, media_type: str, boundary: str) -> Sending:
    return form(join(base_url, "/files"), [file_part(boundary, filename, media_type)], boundary)


def _tail(boundary: str, fields: Fields, base_url: str, filename: str) -> bytes:
    lasts = fields.get("expires_after[seconds]")
    return (b"" if lasts is None else part(boundary, "expires_in_seconds", lasts)) + end(boundary)


def _told(body: bytes) -> Told:
    try:
        file = _read.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable from None
    return Told(file.id, file.filename, file.size_bytes, seconds(file.created_at), seconds(file.expires_at))


API = FilesApi(_send, _tail, one, content, _told, ((b"anthropic-beta", b"files-api-2025-04-14"),))
