"""A conversation as Cohere's messages, and the documents that are part of it.

https://docs.cohere.com/reference/chat#request.body.messages
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from adapters.wire.chat import (
    Assistant,
    Developer,
    FilePart,
    Function,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    System,
    TextPart,
    Tool,
    User,
    content_text,
    unsupported_part,
)
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops
from adapters.wire.media import data_url, decoded

_TEXTS = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")
"""What Cohere can be given as a document: it reads text."""


class Conversation(Struct):
    """What a request says."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    """Text files of users: https://docs.cohere.com/v2/docs/retrieval-augmented-generation-rag"""
    calls: Counter[str] = field(default_factory=Counter)
    """Calls without an id, in the older form, by function."""


def conversation(messages: list[Message], drops: Drops) -> Conversation:
    """Every message in Cohere's form. Raises BadRequest on content that it can't take, naming the place."""
    said = Conversation()
    for place, message in enumerate(messages):
        path = f"messages[{place}]"
        said.messages.append(_message(message, path, said))
        for name in _unexpressed(message):
            drops.drop(f"{path}.{name}")
    return said


def _message(message: Message, path: str, said: Conversation) -> dict[str, Any]:
    match message:
        case System() | Developer():
            return {"role": "system", "content": _texts(message.content, f"{path}.content")}
        case User():
            return {"role": "user", "content": _user_content(message.content, f"{path}.content", said)}
        case Assistant():
            return {"role": "assistant"} | _assistant(message, f"{path}.content", said)
        case Tool():
            content = _tool_content(message.content, f"{path}.content")
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
        case _:
            return {"role": "tool", "tool_call_id": _call_id(message.name, said), "content": message.content or ""}


def _texts(content: str | list[Part], path: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = []
    for place, part in enumerate(content):
        match part:
            case TextPart(text=text) | RefusalPart(refusal=text):
                parts.append(_text(text))
            case _:
                raise unsupported_part(part, f"{path}[{place}]")
    return parts


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _user_content(content: str | list[Part], path: str, said: Conversation) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = []
    alone = all(isinstance(part, FilePart) for part in content)
    for place, part in enumerate(content):
        here = f"{path}[{place}]"
        match part:
            case TextPart():
                parts.append(_text(part.text))
            case FilePart() if alone:  # Cohere takes no message that says nothing
                parts.append(_text(_document(part, here)["text"]))
            case ImagePart():
                detail = {"detail": part.image_url.detail} if part.image_url.detail else {}
                parts.append({"type": "image_url", "image_url": {"url": part.image_url.url} | detail})
            case FilePart():
                said.documents.append({"id": f"doc:{len(said.documents)}", "data": _document(part, here)})
            case _:
                raise unsupported_part(part, here)
    return parts


def _tool_content(content: str | list[Part], path: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    parts = []
    for place, part in enumerate(content):
        here = f"{path}[{place}]"
        match part:
            case TextPart():
                parts.append(_text(part.text))
            case FilePart():
                parts.append({"type": "document", "document": {"data": _document(part, here)}})
            case _:
                raise unsupported_part(part, here)
    return parts


def _document(part: FilePart, path: str) -> dict[str, str]:
    """The text of a file, under the names that Cohere's models know."""
    param = f"{path}.file.file_data"
    media = data_url(part.file.file_data, param) if part.file.file_data is not None else None
    if media is None or not media.media_type.startswith(_TEXTS):
        raise BadRequest(
            f"This provider takes files of text only, as data URLs: '{param}' must begin with data:text/plain;base64, "
            "or the like.",
            param=param,
            code="unsupported_content",
        )
    try:
        text = decoded(media, param).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"'{param}' is not UTF-8.", param=param, code="unsupported_content") from None
    return ({"title": part.file.filename} if part.file.filename else {}) | {"text": text}


def _assistant(message: Assistant, path: str, said: Conversation) -> dict[str, Any]:
    """What the model said: beside calls, text is its plan, as `tool_plan` became text in the answer."""
    thoughts = _thoughts(message)
    text = content_text(message.content, path) + (message.refusal or "")
    written: dict[str, Any] = {}
    calls = [_call(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    if message.function_call is not None:
        call = message.function_call
        said.calls[call.name] += 1
        calls.append(_call(_call_id(call.name, said), call.name, call.arguments))
    if calls:
        written["tool_calls"] = calls
        if text:
            written["tool_plan"] = text
        if thoughts:
            written["content"] = [_thinking(thoughts)]
    elif thoughts:
        written["content"] = [_thinking(thoughts), _text(text)]
    elif isinstance(message.content, list):
        parts = message.content + ([RefusalPart(message.refusal)] if message.refusal else [])
        written["content"] = _texts(parts, path)
    else:
        written["content"] = text
    return written


def _thinking(thoughts: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thoughts}


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments or "{}"}}


def _call_id(name: str, said: Conversation) -> str:
    """The id of the last call of a function that was called in the older form, which has none."""
    return f"{name}_{said.calls[name]}"


def _thoughts(message: Assistant) -> str:
    """What the model thought, as the client brings it back."""
    details = [detail.get("text") for detail in message.reasoning_details or ()]
    from_details = "".join(text for text in details if isinstance(text, str))
    return from_details or message.reasoning_content or message.reasoning or ""


def _unexpressed(message: Message) -> Iterator[str]:
    """Members that have no counterpart, as paths below the message."""
    if not isinstance(message, Tool | Function) and message.name is not None:
        yield "name"
    if isinstance(message, Assistant) and message.audio is not None:
        yield "audio"
    if isinstance(message, Assistant | Tool) and message.cache_control is not None:
        yield "cache_control"
    if not isinstance(message, Function) and isinstance(message.content, list):
        for place, part in enumerate(message.content):
            if isinstance(part, TextPart | ImagePart | FilePart) and part.cache_control is not None:
                yield f"content[{place}].cache_control"
