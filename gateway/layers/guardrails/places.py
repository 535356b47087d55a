"""Where the texts of a request or an answer stand, and how they are replaced without touching the rest."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

Path: TypeAlias = tuple[str | int, ...]

_TEXTS = frozenset(
    {"content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "summary", "transcript"}
)
_JSON = frozenset({"arguments", "partial_json"})
"""Texts that are JSON."""
_OBJECTS = frozenset({"input"})
"""Arguments of tools as they are, in the Messages format."""
_NESTED = frozenset({"content", "tool_calls", "function", "function_call", "reasoning_details", "source", "audio"})
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """One text."""

    path: Path
    key: Path
    """The same, but with the index that an item of a list says it has: pieces of one text have one key."""
    text: str
    is_json: bool = False
    is_object: bool = False
    """It stands there as JSON, and not as a string that holds it."""

    def encode(self, text: str) -> Raw:
        """Another text, as it is written in this place."""
        return Raw(text.encode() if self.is_object else _encode(text))


def places(value: Any, path: Path = (), key: Path | None = None) -> Iterator[Place]:
    """The texts in a message, a delta, a block or a list of these, in order."""
    key = path if key is None else key
    if isinstance(value, str):
        if value:
            yield Place(path, key, value)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            index = item.get("index") if isinstance(item, dict) else None
            yield from places(item, (*path, position), (*key, index if isinstance(index, int) else position))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _member(value, name, item, (*path, name), (*key, name))


def _member(owner: dict[str, Any], name: str, item: Any, path: Path, key: Path) -> Iterator[Place]:
    if isinstance(item, str):
        if item and (name in _TEXTS or name in _JSON or _is_document(owner, name)):
            yield Place(path, key, item, name in _JSON)
    elif name in _OBJECTS or name in _JSON:
        if item:
            yield Place(path, key, _encode(item).decode(), is_json=True, is_object=True)
    elif name in _NESTED:
        yield from places(item, path, key)


def _is_document(owner: dict[str, Any], name: str) -> bool:
    """Whether it is the text of a document's source, in the Messages format."""
    return name == "data" and owner.get("type") == "text"


def images(value: Any) -> Iterator[str]:
    """The URLs of the images in a message or a list of messages, `data:` ones included."""
    if isinstance(value, list):
        for item in value:
            yield from images(item)
    elif isinstance(value, dict):
        shown = value.get("image_url")
        url = shown.get("url") if isinstance(shown, dict) else shown
        if isinstance(url, str):
            yield url
        if value.get("type") == "image" and isinstance(source := value.get("source"), dict):
            if isinstance(url := source.get("url"), str):
                yield url
            elif isinstance(data := source.get("data"), str):
                yield f"data:{source.get('media_type')};base64,{data}"
        yield from images(value.get("content"))


def replaced(raw: Raw | bytes, changes: Mapping[Path, Raw]) -> Raw:
    """JSON with other values at some paths; every value off these paths is byte for byte what it was."""
    if () in changes:
        return changes[()]
    below: dict[str | int, dict[Path, Raw]] = {}
    for path, value in changes.items():
        below.setdefault(path[0], {})[path[1:]] = value
    members: Any = _object.decode(raw) if bytes(raw).lstrip()[:1] == b"{" else _array.decode(raw)
    for name, inner in below.items():
        members[name] = replaced(members[name], inner)
    return Raw(_encode(members))
