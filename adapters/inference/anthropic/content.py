"""Parts of OpenAI's messages as the service's content blocks.

https://platform.claude.com/docs/en/build-with-claude/working-with-messages
"""

from collections.abc import Iterator
from typing import Any

from adapters.wire.chat import Content, FileData, FilePart, ImagePart, Part, RefusalPart, TextPart, unsupported_part
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops
from adapters.wire.media import Media, data_url, decoded

_PDF = "application/pdf"
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})


def blocks(content: Content, param: str, drops: Drops) -> list[dict[str, Any]]:
    """The blocks of a message's or a tool result's content; empty texts are left out, the service refuses them.

    Raises BadRequest on what the service can't take, naming the place.
    """
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(_blocks(content, param, drops))


def text_blocks(content: str | list[Part], param: str) -> list[dict[str, Any]]:
    """The blocks of instructions, which can only be text. Raises BadRequest on anything else."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    found = []
    for index, part in enumerate(content):
        if not isinstance(part, TextPart):
            raise unsupported_part(part, f"{param}[{index}]")
        if part.text:
            found.append(cached({"type": "text", "text": part.text}, part.cache_control))
    return found


def cached(block: dict[str, Any], cache_control: dict[str, Any] | None) -> dict[str, Any]:
    """The block, with a point up to which the prompt is cached where the client set one."""
    return block | {"cache_control": cache_control} if cache_control is not None else block


def _blocks(content: list[Part], param: str, drops: Drops) -> Iterator[dict[str, Any]]:
    for index, part in enumerate(content):
        place = f"{param}[{index}]"
        match part:
            case TextPart():
                if part.text:
                    yield cached({"type": "text", "text": part.text}, part.cache_control)
            case RefusalPart():
                if part.refusal:
                    yield {"type": "text", "text": part.refusal}
            case ImagePart():
                if part.image_url.detail not in (None, "auto"):
                    drops.drop(f"{place}.image_url.detail")
                yield cached(_image(part.image_url.url, f"{place}.image_url.url"), part.cache_control)
            case FilePart():
                yield cached(_document(part.file, f"{place}.file"), part.cache_control)
            case _:
                raise unsupported_part(part, place)


def _image(url: str, param: str) -> dict[str, Any]:
    media = data_url(url, param)
    return {"type": "image", "source": {"type": "url", "url": url} if media is None else _base64(media)}


def _document(file: FileData, param: str) -> dict[str, Any]:
    """A document. https://platform.claude.com/docs/en/build-with-claude/pdf-support"""
    titled = {"title": file.filename} if file.filename else {}
    if file.file_id is not None:
        return {"type": "document", "source": {"type": "file", "file_id": file.file_id}} | titled
    url = file.file_data or file.file_url
    if url is None:
        raise BadRequest(f"'{param}' needs 'file_data', 'file_id' or 'file_url'.", param=param, code="invalid_value")
    place = f"{param}.file_data" if file.file_data else f"{param}.file_url"
    media = data_url(url, place)
    if media is not None:
        return _inline(media, titled, place)
    if not url.startswith(("https://", "http://")):
        raise BadRequest(f"'{place}' must be a URL or a data URL.", param=place, code="invalid_value")
    return {"type": "document", "source": {"type": "url", "url": url}} | titled


def _inline(media: Media, titled: dict[str, str], param: str) -> dict[str, Any]:
    if media.media_type.startswith("image/"):
        return {"type": "image", "source": _base64(media)}
    if media.media_type == _PDF:
        return {"type": "document", "source": _base64(media)} | titled
    if media.media_type.startswith("text/") or media.media_type in _TEXTS:
        text = {"type": "text", "media_type": "text/plain", "data": _text(media, param)}
        return {"type": "document", "source": text} | titled
    raise BadRequest(
        f"A document of type '{media.media_type}' is not supported here: send a PDF, text or an image.",
        param=param,
        code="unsupported_content",
    )


def _base64(media: Media) -> dict[str, str]:
    return {"type": "base64", "media_type": media.media_type, "data": media.data}


def _text(media: Media, param: str) -> str:
    try:
        return decoded(media, param).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"'{param}' is not text in UTF-8.", param=param, code="invalid_value") from None
