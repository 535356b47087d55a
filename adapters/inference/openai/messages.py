"""Earlier messages as a provider of OpenAI's dialect takes them back: ids of tool calls, and reasoning."""

import hashlib
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.openai.quirks.tool_calls import DIALECT
from adapters.wire.body import decode_field
from adapters.wire.carried import MARK, split
from adapters.wire.fields import Drops
from config.schema import Provider

_messages = msgspec.json.Decoder(list[Any] | None)
_encode = msgspec.json.Encoder().encode
_MARK = MARK.encode()
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHORT = 9


def adapt_messages(fields: dict[str, Raw], settings: Provider, carries: bool, drops: Drops) -> None:
    """Rewrite `messages` where the provider's settings or what ids carry ask for it; else they stay byte for byte."""
    raw = bytes(fields.get("messages", b""))
    if not ((carries and _MARK in raw) or _concerns(raw, settings)):
        return
    messages = decode_field(fields, "messages", _messages) or []
    for place, message in enumerate(messages):
        if isinstance(message, dict):
            _adapt(message, place, settings, drops)
    fields["messages"] = Raw(_encode(messages))


def short_id(call_id: str) -> str:
    """An id of nine letters and digits, the same for the same id; one that is so already stays.

    Mistral: "Tool call id … must be a-z, A-Z, 0-9, with a length of 9".
    """
    if len(call_id) == _SHORT and call_id.isascii() and call_id.isalnum():
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode()).digest()[:8])
    return "".join(_ALPHABET[number // 62**place % 62] for place in range(_SHORT))


def _concerns(raw: bytes, settings: Provider) -> bool:
    """Whether messages hold anything that this provider wants otherwise."""
    quirks = settings.quirks
    return (
        ("short_ids" in quirks and b"tool_call" in raw)
        or ("no_developer" in quirks and b'"developer"' in raw)
        or ("document_parts" in quirks and b'"file"' in raw)
        or (settings.past_reasoning != "keep" and b'"assistant"' in raw)
    )


def _adapt(message: dict[str, Any], place: int, settings: Provider, drops: Drops) -> None:
    role = message.get("role")
    if "document_parts" in settings.quirks and isinstance(content := message.get("content"), list):
        message["content"] = [_document(part) for part in content]
    if role == "developer" and "no_developer" in settings.quirks:
        message["role"] = "system"
    elif role == "tool" and isinstance(call_id := message.get("tool_call_id"), str):
        message["tool_call_id"] = _plain_id(call_id, settings)
    elif role == "assistant":
        _unload_calls(message, settings)
        if settings.past_reasoning != "keep":
            _move_reasoning(message, f"messages[{place}]", settings, drops)


def _unload_calls(message: dict[str, Any], settings: Provider) -> None:
    for call in message.get("tool_calls") or ():
        if not isinstance(call, dict) or not isinstance(call_id := call.get("id"), str):
            continue
        carried = split(call_id)[1]
        call["id"] = _plain_id(call_id, settings)
        if "carry_reasoning" in settings.quirks and carried is not None and carried.dialect == DIALECT:
            message["reasoning_content"] = message.get("reasoning_content") or carried.state.decode(errors="replace")


def _plain_id(call_id: str, settings: Provider) -> str:
    plain, _ = split(call_id)
    return short_id(plain) if "short_ids" in settings.quirks else plain


def _move_reasoning(message: dict[str, Any], path: str, settings: Provider, drops: Drops) -> None:
    """Put earlier reasoning where the provider takes it. Members that are null say nothing and are left out with it."""
    given = {name: value for name in _REASONING if (value := message.pop(name, None))}
    for name in [name for name, value in message.items() if value is None and name != "content"]:
        del message[name]
    text = given.get("reasoning_content") or given.get("reasoning")
    if settings.past_reasoning == "reasoning" and text:
        message["reasoning"] = text
    elif settings.past_reasoning == "thinking_parts" and isinstance(text, str):
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}
        message["content"] = [thinking, *_parts(message.get("content"))]
    else:
        for name in given:
            drops.drop(f"{path}.{name}")


def _document(part: Any) -> Any:
    """A document as Mistral takes it, any other part as it is. https://docs.mistral.ai/api/"""
    match part:
        case {"type": "file", "file": {"file_id": str(file_id)}}:
            return {"type": "file", "file_id": file_id}
        case {"type": "file", "file": {"file_data": str(url)} | {"file_url": str(url)} as file}:
            name = {"document_name": file["filename"]} if file.get("filename") else {}
            return {"type": "document_url", "document_url": url, **name}
    return part


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
