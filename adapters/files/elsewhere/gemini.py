"""Gemini's files API: files are kept for two days, to be named in requests; nobody gets them back.

https://ai.google.dev/api/files
"""

from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from adapters.files.elsewhere.contract import Fields, FilesApi, Sending, Told, Unreadable, end, one, seconds
from adapters.inference.openai import join


class _File(Struct, rename="camel"):
    name: str
    display_name: str | None = None
    size_bytes: str | None = None
    create_time: str | None = None
    expiration_time: str | None = None


class _Made(Struct):
    file: _File | None = None


_read = msgspec.json.Decoder(_File)
_read_made = msgspec.json.Decoder(_Made)


def _send(base_url: str, filename: str, media_type: str, boundary: str) -> Sending:
    """Metadata and media in one request (multipart/related); the path of uploads has `upload` before its version."""
    parts = urlsplit(join(base_url, "/files"))
    url = parts._replace(path=f"/upload{parts.path}").geturl()
    metadata = msgspec.json.encode({"file": {"displayName": filename}})
    head = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n".encode(),
            metadata,
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n\r\n".encode(),
        )
    )
    headers = (
        (b"content-type", f"multipart/related; boundary={boundary}".encode()),
        (b"x-goog-upload-protocol", b"multipart"),
    )
    return Sending(url, headers, head)


def _tail(boundary: str, fields: Fields, base_url: str, filename: str) -> bytes:
    return end(boundary)


def _told(body: bytes) -> Told:
    try:
        file = _read_made.decode(body).file or _read.decode(body)
        size = None if file.size_bytes is None else int(file.size_bytes)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise Unreadable from None
    expires = seconds(file.expiration_time)
    return Told(file.name.removeprefix("files/"), file.display_name, size, seconds(file.create_time), expires)


API = FilesApi(_send, _tail, one, None, _told)
