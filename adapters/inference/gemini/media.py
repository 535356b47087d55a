"""Images, sound, documents and videos as Gemini's parts: bytes inline, or the URI of a file.

https://ai.google.dev/gemini-api/docs/file-input-methods
"""

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from adapters.wire.chat import AudioPart, FileData, FilePart, ImagePart, VideoPart
from adapters.wire.errors import BadRequest
from adapters.wire.media import Media, data_url, decoded

_SOUND = {"pcm16": "audio/L16", "mpeg": "audio/mp3"}
_USUAL = {"image": "image/jpeg", "video": "video/mp4", "file": "application/pdf"}
"""Vertex AI wants a type with every URI, and few URLs of images and videos tell one."""


def media_part(part: ImagePart | VideoPart | AudioPart | FilePart, param: str, files: str) -> dict[str, Any]:
    """A part that is not text; `files` is the URL under which the service keeps `files/…`.

    Raises BadRequest on what names no content, naming the place.
    """
    match part:
        case ImagePart(image_url=image):
            return _located(image.url, "image", f"{param}.image_url.url")
        case VideoPart(video_url=video):
            return _located(video.url, "video", f"{param}.video_url.url")
        case AudioPart(input_audio=audio):
            kind = _SOUND.get(audio.format, f"audio/{audio.format}")
            return _inline(Media(kind, audio.data), f"{param}.input_audio.data")
        case _:
            return _file(part.file, param, files)


def _file(file: FileData, param: str, files: str) -> dict[str, Any]:
    if url := file.file_data or file.file_url:
        return _located(url, "file", f"{param}.file.file_data", file.filename)
    if file.file_id:
        return _uri(f"{files}/{file.file_id}" if file.file_id.startswith("files/") else file.file_id, None)
    raise BadRequest(f"'{param}.file' must have file_data, file_url or file_id.", param=f"{param}.file")


def _located(url: str, kind: str, param: str, filename: str | None = None) -> dict[str, Any]:
    media = data_url(url, param)
    if media is not None:
        return _inline(media, param)
    if ":" not in url:  # documents in base64 alone, as some clients send them
        return _inline(Media(_guessed(filename or "") or _USUAL[kind], url), param)
    return _uri(url, _guessed(urlsplit(url).path) or _guessed(filename or "") or _USUAL[kind])


def _inline(media: Media, param: str) -> dict[str, Any]:
    decoded(media, param)
    return {"inlineData": {"mimeType": media.media_type, "data": media.data}}


def _uri(uri: str, kind: str | None) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri, "mimeType": kind} if kind else {"fileUri": uri}}


def _guessed(path: str) -> str | None:
    return mimetypes.guess_type(path)[0]
