"""Images, documents, sound and videos as Converse's blocks: bytes in base64, or an object in S3.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import re
from typing import Any, TypeAlias

from adapters.wire.chat import AudioPart, FilePart, ImagePart, VideoPart
from adapters.wire.errors import BadRequest
from adapters.wire.media import data_url

JsonBlock: TypeAlias = dict[str, Any]

IMAGES = {"jpg": "jpeg", **{name: name for name in ("png", "jpeg", "gif", "webp")}}
"""Formats by what follows `image/`, or by the ending of a name."""
VIDEOS = {
    "quicktime": "mov",
    "x-matroska": "mkv",
    "x-flv": "flv",
    "x-ms-wmv": "wmv",
    "3gpp": "three_gp",
    "3gp": "three_gp",
    **{name: name for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
}
AUDIO = frozenset(
    ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm")
)
DOCUMENTS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_ENDINGS = frozenset(DOCUMENTS.values())
_S3 = "s3://"
_NO_NAME = "document"
_NAME_MAX = 200
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_SPACES = re.compile(r"\s+")


def image_block(part: ImagePart, param: str) -> JsonBlock:
    """An image. Raises BadRequest on a URL that Bedrock would have to fetch, and on other formats."""
    return _block("image", IMAGES, part.image_url.url, f"{param}.image_url.url")


def video_block(part: VideoPart, param: str) -> JsonBlock:
    """A video. Raises what `image_block` raises."""
    return _block("video", VIDEOS, part.video_url.url, f"{param}.video_url.url")


def audio_block(part: AudioPart, param: str) -> JsonBlock:
    """Sound. Raises BadRequest on other formats."""
    sound = part.input_audio
    if sound.format not in AUDIO:
        raise _unknown_format(sound.format, AUDIO, f"{param}.input_audio.format")
    return {"audio": {"format": sound.format, "source": {"bytes": sound.data}}}


def document_block(part: FilePart, param: str, taken: set[str]) -> JsonBlock:
    """A document under a name that is not among those that are taken, and is then.

    Raises BadRequest on what is neither a data URL nor in S3, and on other formats.
    """
    file = part.file
    member, url = next(
        ((name, value) for name in ("file_data", "file_url", "file_id") if (value := getattr(file, name))),
        ("file_data", ""),
    )
    param = f"{param}.file.{member}"
    filename = file.filename or (url.rpartition("/")[2] if url.startswith(_S3) else "")
    stem, _, ending = filename.rpartition(".")
    if (media := data_url(url, param)) is not None:
        form = DOCUMENTS.get(media.media_type)
        source: JsonBlock = {"bytes": media.data}
    elif url.startswith(_S3):
        form = None
        source = {"s3Location": {"uri": url}}
    else:
        raise _not_fetched(param)
    if form is None and ending.lower() in _ENDINGS:
        form = ending.lower()
    if form is None:
        raise _unknown_format(media.media_type if media else filename, _ENDINGS, param)
    return {"document": {"format": form, "name": _unique(stem or filename, taken), "source": source}}


def _block(kind: str, formats: dict[str, str], url: str, param: str) -> JsonBlock:
    if url.startswith(_S3):
        told = url.rpartition(".")[2].lower()
        source: JsonBlock = {"s3Location": {"uri": url}}
    elif (media := data_url(url, param)) is not None:
        told, source = media.media_type.rpartition("/")[2], {"bytes": media.data}
    else:
        raise _not_fetched(param)
    if told not in formats:
        raise _unknown_format(told, set(formats.values()), param)
    return {kind: {"format": formats[told], "source": source}}


def _unique(name: str, taken: set[str]) -> str:
    """A name of the characters that Bedrock takes: letters, digits, hyphens, brackets and single spaces."""
    clean = _SPACES.sub(" ", _FORBIDDEN.sub(" ", name)).strip()[: _NAME_MAX - 10].strip() or _NO_NAME
    unique, count = clean, 1
    while unique in taken:
        count += 1
        unique = f"{clean} {count}"
    taken.add(unique)
    return unique


def _not_fetched(param: str) -> BadRequest:
    return BadRequest(
        f"Bedrock fetches nothing from the web: '{param}' must be a data URL in base64, or an s3:// URI.",
        param=param,
        code="unsupported_url",
    )


def _unknown_format(told: str, known: frozenset[str] | set[str], param: str) -> BadRequest:
    return BadRequest(
        f"'{param}' has the format '{told[:64]}', and Bedrock takes {', '.join(sorted(known))}.",
        param=param,
        code="unsupported_format",
    )
