"""The texts of a request that guardrails judge, and the request with others in their place."""

from copy import copy
from typing import Any, Literal

import msgspec
from msgspec import Raw

from adapters.wire.body import Body
from adapters.wire.errors import BadRequest
from gateway.layers.guardrails.judged import Judged
from gateway.layers.guardrails.places import Path, Place, images, places, replaced
from gateway.layers.guardrails.text import Text

Scope = Literal["last", "all"]

_INSTRUCTIONS = frozenset({"system", "developer"})
_FIELDS = {"chat": ("messages",), "messages": ("messages", "system"), "completions": ("prompt", "suffix")}
_decode = msgspec.json.decode


class Question:
    """What one request asks."""

    __slots__ = ("_places", "body", "judged", "param", "text")

    def __init__(self, operation: str, body: Body, scope: Scope) -> None:
        self.body = body
        self.param = "prompt" if operation == "completions" else "messages"
        self._places: list[tuple[str, Place]] = []
        pictures: list[str] = []
        for name in _FIELDS[operation]:
            if (raw := body.fields.get(name)) is not None:
                value = _read(name, raw)
                if name == "prompt" and _has_tokens(value):
                    raise BadRequest(
                        "This model's guardrails judge texts: send 'prompt' as text, and not as tokens.",
                        param=name,
                        code="unsupported_content",
                    )
                pictures += self._add(name, value, scope)
        self.text = "\n\n".join(place.text for _, place in self._places)
        """All of it."""
        texts = [Text(place.is_json, place.text) for _, place in self._places]
        self.judged = Judged(texts, images=tuple(pictures))

    def asked(self) -> Body:
        """The request without what was marked; itself where nothing was."""
        changes: dict[str, dict[Path, Raw]] = {}
        for (name, place), text in zip(self._places, self.judged.texts, strict=True):
            if text.marks:
                changes.setdefault(name, {})[place.path] = place.encode(text.say(0, text.end))
        if not changes:
            return self.body
        body = copy(self.body)
        body.fields = dict(self.body.fields)
        for name, inner in changes.items():
            body.fields[name] = replaced(body.fields[name], inner)
        return body

    def _add(self, name: str, value: Any, scope: Scope) -> list[str]:
        """Note the texts of a field; give its images."""
        pictures: list[str] = []
        if name != "messages" or not isinstance(value, list):
            if name != "system" or scope == "all":
                self._places += [(name, place) for place in places(value)]
            return pictures
        for index in range(_first_of(value) if scope == "last" else 0, len(value)):
            message = value[index]
            if scope == "all" or not isinstance(message, dict) or message.get("role") not in _INSTRUCTIONS:
                self._places += [(name, place) for place in places(message, (index,))]
                pictures += images(message)
        return pictures


def _read(name: str, raw: Raw) -> Any:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"Invalid '{name}': {error}.", param=name, code="invalid_type") from None


def _has_tokens(prompt: Any) -> bool:
    return isinstance(prompt, list) and any(not isinstance(part, str) for part in prompt)


def _first_of(messages: list[Any]) -> int:
    """Where what was said after the model's last answer begins; a beginning of the next answer is part of it."""
    index = len(messages)
    while index and _is_answer(messages[index - 1]):
        index -= 1
    while index and not _is_answer(messages[index - 1]):
        index -= 1
    return index


def _is_answer(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "assistant"
