"""The members around the choices: those that OpenAI's types demand are there, and `usage` counts as OpenAI does."""

import secrets
import time
from typing import Any

import msgspec
from msgspec import Raw

from adapters.inference.openai.quirks.memory import Memory
from adapters.wire.usage import read_usage, usage_json

_encode = msgspec.json.Encoder().encode
_usage = msgspec.json.Decoder(dict[str, Any])
_NULL = Raw(b"null")
_EMPTY = (_NULL, Raw(b'""'))
_NO_CHOICES = Raw(b"[]")
_TIERS = {
    b'"on_demand"': Raw(b'"default"'),  # https://console.groq.com/docs/service-tiers
    b'"performance"': Raw(b'"priority"'),
    b'""': _NULL,
}


class Envelope:
    """Mends the top level of one answer, whole or in chunks."""

    __slots__ = ("_id", "_model", "_object", "_prefix")

    def __init__(self, object: str, model: Raw) -> None:
        self._object = Raw(_encode(object))
        self._model = model
        self._prefix = "cmpl" if object == "text_completion" else "chatcmpl"
        self._id = Raw()

    def mend(self, fields: dict[str, Raw]) -> None:
        """Fill what is missing. A chunk without choices may come before the id is known, and keeps none."""
        if fields.get("object") != self._object:
            fields["object"] = self._object
        if fields.get("choices", _NULL) == _NULL:
            fields["choices"] = _NO_CHOICES
        if fields.get("id") != self._id or not self._id:
            self._mend_id(fields)
        if fields.get("created", _NULL) == _NULL:
            fields["created"] = Raw(_encode(int(time.time())))
        if fields.get("model", _NULL) == _NULL:
            fields["model"] = self._model
        if "service_tier" in fields and (tier := _TIERS.get(bytes(fields["service_tier"]))) is not None:
            fields["service_tier"] = tier

    def _mend_id(self, fields: dict[str, Raw]) -> None:
        told = fields.get("id", _NULL)
        if told not in _EMPTY:
            self._id = self._id or told
        elif self._id or fields["choices"] != _NO_CHOICES:
            self._id = self._id or Raw(_encode(f"{self._prefix}-{secrets.token_hex(12)}"))
            fields["id"] = self._id
        else:
            fields["id"] = Raw(b'""')


def mend_choice(choice: dict[str, Any], place: int, member: str) -> None:
    """Give a choice its index and its message, delta or text, as `member` says."""
    choice["index"] = choice["index"] if type(choice.get("index")) is int else place
    if choice.get(member) is None:
        choice[member] = {"message": {"role": "assistant", "content": None}, "delta": {}, "text": ""}[member]


def mend_delta(said: dict[str, Any], memory: Memory) -> None:
    """Tell the role once, and number what comes in lists: OpenAI's clients join the pieces of a stream by these."""
    if memory.role_told:
        said.pop("role", None)
    else:
        said["role"] = "assistant"
        memory.role_told = True
    for annotation in said.get("annotations") or ():
        if isinstance(annotation, dict) and "index" not in annotation:
            annotation["index"] = memory.annotations
        memory.annotations += 1


def mend_usage(fields: dict[str, Raw]) -> None:
    """Count as OpenAI does: reasoning is a part of the completion, and cached tokens have their place.

    Members of the provider's own stay.
    """
    raw = fields.get("usage", _NULL)
    usage = read_usage(raw) if raw != _NULL else None
    if usage is None:
        return
    told, meant = _usage.decode(raw), usage_json(usage)
    for name, value in meant.items():
        before = told.get(name)
        told[name] = before | value if isinstance(value, dict) and isinstance(before, dict) else value
    fields["usage"] = Raw(_encode(told))
