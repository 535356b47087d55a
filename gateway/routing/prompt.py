"""What routing reads of a request's body: only as deep as somebody asks, and nothing that it would refuse.

A field of an unexpected type is for the provider to judge; here it is as if it were missing.
"""

from typing import Any

import msgspec
from msgspec import Raw

from adapters.wire.body import Body

_PARTS = ("system", "tools", "messages", "prompt", "input", "query", "documents")
"""The fields that a provider reads as the prompt, in the order in which it does."""
_ANSWER_LIMITS = ("max_completion_tokens", "max_tokens")
_ANSWER = "assistant"
_NOTHING = b""


class _Message(msgspec.Struct):
    role: Any = None


_messages = msgspec.json.Decoder(list[Raw])
_message = msgspec.json.Decoder(_Message)
_anything = msgspec.json.Decoder()


def prompt_bytes(body: Body) -> list[Raw]:
    """The fields of the prompt, as the client wrote them."""
    fields = body.fields
    return [fields[name] for name in _PARTS if name in fields]


def value_of(body: Body, name: str) -> Any:
    """One field, decoded; None where it is missing or can't be read."""
    raw = body.fields.get(name)
    if raw is None:
        return None
    try:
        return _anything.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def text_of(body: Body, name: str) -> bytes:
    """A field that is a text; empty where it is none."""
    value = value_of(body, name)
    return value.encode() if isinstance(value, str) else _NOTHING


def answer_limit(body: Body) -> int | None:
    """The tokens that the answer may have, as the client said."""
    for name in _ANSWER_LIMITS:
        value = value_of(body, name)
        if type(value) is int and value >= 0:
            return value
    return None


def conversation_bytes(body: Body) -> bytes:
    """The messages up to the first answer: what stays the same while a conversation goes on."""
    raw = body.fields.get("messages")
    if raw is None:
        return b"".join(prompt_bytes(body))
    parts = [bytes(body.fields.get("system", _NOTHING))]
    try:
        for message in _messages.decode(raw):
            if _message.decode(message).role == _ANSWER:
                break
            parts.append(bytes(message))
    except (msgspec.DecodeError, RecursionError):
        return bytes(raw)
    return b"\0".join(parts)
