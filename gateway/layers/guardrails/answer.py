"""Whole answers: the texts that guardrails judge, and the answer without what may not be said."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from adapters.messages.response import refusal
from adapters.wire.errors import UpstreamError
from gateway.layers.guardrails.judged import Judged
from gateway.layers.guardrails.judging import Found
from gateway.layers.guardrails.places import Path, Place, places, replaced
from gateway.layers.guardrails.report import results
from gateway.layers.guardrails.text import Text

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")


class Answer:
    """A completion, text or chat, or a message: each choice is judged by itself."""

    __slots__ = ("_answer", "_body", "_is_message", "_parts", "_places", "choices")

    def __init__(self, operation: str, body: bytes, question: str) -> None:
        self._body = body
        self._is_message = operation == "messages"
        try:
            answer = self._answer = _decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise UpstreamError("The provider's answer can't be read, so it can't be judged.") from None
        self._parts: list[Path] = [()]
        """Where each choice stands in the answer."""
        values: list[Any] = [answer]
        if not self._is_message:
            found = answer.get("choices")
            values = found if isinstance(found, list) else []
            self._parts = [("choices", index) for index in range(len(values))]
        self._places = [_texts(value, path) for value, path in zip(values, self._parts, strict=True)]
        self.choices = [
            Judged([Text(place.is_json, place.text) for place in texts], question=question) for texts in self._places
        ]

    def said(self, blocked: dict[int, Found]) -> bytes:
        """The answer without what was marked, and without the content of blocked choices; itself where nothing was."""
        changes: dict[Path, Raw] = {}
        for index, choice in enumerate(self.choices):
            if index in blocked:
                changes |= self._withheld(index, blocked[index].categories)
            else:
                changes |= self._redacted(index, choice)
        return bytes(replaced(self._body, changes)) if changes else self._body

    def _redacted(self, index: int, choice: Judged) -> dict[Path, Raw]:
        changes: dict[Path, Raw] = {}
        for place, text in zip(self._places[index], choice.texts, strict=True):
            if text.marks:
                changes[place.path] = place.encode(text.say(0, text.end))
        path = self._parts[index]
        if changes and not self._is_message and self._value(index).get("logprobs") is not None:
            changes[(*path, "logprobs")] = _NULL  # they tell the text token by token
        return changes

    def _withheld(self, index: int, categories: tuple[str, ...]) -> dict[Path, Raw]:
        value = self._value(index)
        if self._is_message:
            kept = value | {"content": [], "stop_reason": "refusal", "stop_sequence": None}
            return {(): Raw(_encode(kept | {"stop_details": refusal(f"withheld: {', '.join(categories)}")}))}
        said: dict[str, Any] = {"text": ""}
        if "message" in value:
            said = {"message": {"role": "assistant", "content": None, "refusal": None}}
        end = {"logprobs": None, "finish_reason": "content_filter", "content_filter_results": results(categories)}
        return {self._parts[index]: Raw(_encode({"index": value.get("index", index)} | said | end))}

    def _value(self, index: int) -> dict[str, Any]:
        value: Any = self._answer if self._is_message else self._answer["choices"][index]
        return value if isinstance(value, dict) else {}


def _texts(choice: Any, path: Path) -> Sequence[Place]:
    """The texts of one choice, or of a message."""
    if not isinstance(choice, dict):
        return ()
    found = list(places(choice.get("message"), (*path, "message")))
    for name in ("text", "content"):
        found += places(choice.get(name), (*path, name))
    return found
