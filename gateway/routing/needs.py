"""What a request needs of a model: read from the body, no deeper than the need that is asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from adapters.wire.body import Body
from config.routing import Capability
from gateway.routing.prompt import value_of

_PICTURES = frozenset({"image_url", "image", "input_image"})
_SOUNDS = frozenset({"input_audio", "audio"})
_ESCAPE = b"\\u"


class _Message(msgspec.Struct):
    content: Any = None


_messages = msgspec.json.Decoder(list[_Message])


def needs(body: Body, capability: Capability) -> bool:
    """Whether a request, in OpenAI's or the Messages format, asks for something that not every model can do."""
    return _NEEDS[capability](body)


def _vision(body: Body) -> bool:
    return _has_part(body, _PICTURES)


def _audio(body: Body) -> bool:
    modalities = value_of(body, "modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        return True
    return _has_part(body, _SOUNDS)


def _tools(body: Body) -> bool:
    return bool(value_of(body, "tools") or value_of(body, "functions"))


def _structured_outputs(body: Body) -> bool:
    if _type_of(value_of(body, "response_format")) == "json_schema":
        return True
    config = value_of(body, "output_config")
    own = config.get("format") if isinstance(config, dict) else value_of(body, "output_format")
    return _type_of(own) == "json_schema"


def _reasoning(body: Body) -> bool:
    effort = value_of(body, "reasoning_effort")
    return effort not in (None, "none") or _type_of(value_of(body, "thinking")) in ("enabled", "adaptive")


_NEEDS: Mapping[Capability, Callable[[Body], bool]] = {
    "vision": _vision,
    "audio": _audio,
    "tools": _tools,
    "structured_outputs": _structured_outputs,
    "reasoning": _reasoning,
}


def _type_of(value: Any) -> object:
    return value.get("type") if isinstance(value, dict) else None


def _has_part(body: Body, types: frozenset[str]) -> bool:
    """Whether a message has a part of these types. Where none of the words stands in the text, nothing is decoded."""
    raw = body.fields.get("messages")
    if raw is None:
        return False
    text = bytes(raw)
    if text.find(_ESCAPE) < 0 and all(text.find(b'"%b"' % word.encode()) < 0 for word in types):
        return False
    try:
        return any(_holds(message.content, types) for message in _messages.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        return False


def _holds(content: Any, types: frozenset[str]) -> bool:
    """The same of one message's content; the result of a tool may have parts of its own."""
    if not isinstance(content, list):
        return False
    return any(
        isinstance(part, dict) and (part.get("type") in types or _holds(part.get("content"), types)) for part in content
    )
