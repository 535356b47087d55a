"""The largest use that a call can come to: never less than what it will really be.

A token stands for at least one byte of text, and JSON is never shorter than the text in it. What templates, tools and
schemas add around the text has a fixed allowance. What a picture, a sound or a document takes can't be told from its
bytes: such a call is bounded by the model's context, or by what the operator declares for each.
"""

from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from adapters.wire.body import Body
from config.facts import Facts
from config.limits import CallLimits
from gateway.call import Call
from gateway.cost import dearest

Fields: TypeAlias = dict[str, Raw]

_OVERHEAD: Final = 1_024
"""Tokens of templates, of the instructions for tools, and of what announces a schema."""
_CHOICES_MAX: Final = 128
_MEDIA: Final = tuple(
    f'"{word}"'.encode()
    for word in (
        *("image", "image_url", "input_image", "audio", "audio_url", "input_audio"),
        *("video", "video_url", "input_video", "file", "input_file", "document"),
    )
)
_ESCAPED_LETTER: Final = b"\\u00"
"""A word may be written so, and only then has this in it."""
_KNOWN: Final = frozenset(
    {
        *("model", "messages", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "tools", "n"),
        *("response_format", "stream_options", "metadata", "logit_bias", "prediction", "audio", "reasoning"),
        *("thinking", "tool_choice", "function_call", "web_search_options", "chat_template_kwargs"),
    }
)
"""Fields that can't hold another bound of the answer; any other that is an object may be for one dialect alone."""
_SCANNED_MAX: Final = 262_144
"""Bytes of messages that are looked through for parts. Larger ones are taken for as many as they could hold."""
_PART_BYTES: Final = 16
_OBJECT, _LIST = b"{["
_PASSAGE_BYTES: Final = 500
_PASSAGES: Final = 100
"""A rerank search has so many passages; a document is cut into passages of 500 tokens."""
_ASKED: Final = ("max_completion_tokens", "max_tokens")
_BOUNDING: Final = frozenset({*_ASKED, "prediction", "n", "best_of"})
"""Fields that say how much is written at most."""
_number = msgspec.json.Decoder(int, strict=False)
_list = msgspec.json.Decoder(list[Raw])


class Bounds:
    """Computes them, by what the operator says of models that nobody knows."""

    __slots__ = ("_assumed_context", "_media_tokens")

    def __init__(self, limits: CallLimits) -> None:
        self._assumed_context = limits.assumed_context
        self._media_tokens = limits.media_tokens

    def tokens(self, call: Call, facts: Facts | None) -> tuple[int, int]:
        """Tokens of prompt and completion, with one of the call's targets, at most."""
        body = call.body
        fields = body.fields
        prompt = (body.size or sum(map(len, fields.values()))) + _OVERHEAD
        prompts = 1
        if call.operation != "chat":
            if not call.generates:
                return _without_completion(call.operation, body, prompt), 0
            prompts = _prompts(body)
        context = most = None
        if facts is not None:
            context = facts.context
            most = facts.completion or context
        messages = fields.get("messages")
        if messages is not None and (media := _media(messages)):
            whole = context or self._assumed_context
            prompt = whole if self._media_tokens is None else prompt + media * self._media_tokens
        if context is not None and prompt > context * prompts:
            prompt = context * prompts
        completion = most or self._assumed_context
        if not _BOUNDING.isdisjoint(fields):
            completion = _completion(fields, completion, most)
        return prompt, completion * prompts


def largest_cost(call: Call, prompt: int, completion: int, facts: Facts | None) -> int | None:
    """Nano-dollars of the dearest use of so many tokens; None where a price is not known."""
    if facts is None or facts.prices is None or "models" in call.body.fields:
        return None
    return dearest(facts.prices, prompt, completion, searches=_searches(call) if call.operation == "rerank" else 0)


def _completion(fields: Fields, unasked: int, most: int | None) -> int:
    """What all choices come to at most; `unasked` is what one does where the client bounds nothing."""
    completion = _asked(fields)
    if completion is None:
        completion = unasked
    elif most is not None and completion > most:
        completion = most
    if "prediction" in fields:
        completion += len(fields["prediction"])  # what is not taken over is billed as if it were written
    return completion * _choices(fields) if "n" in fields or "best_of" in fields else completion


def _asked(fields: Fields) -> int | None:
    """The longest answer that the client asks for; None where its request may say so in another place, or nowhere."""
    most = -1
    for name in _ASKED:
        if name in fields:
            said = _read(fields[name])
            if said is None:
                return None
            if said > most:
                most = said
    if most < 0:
        return None
    if not fields.keys() <= _KNOWN:
        for name in fields.keys() - _KNOWN:
            if memoryview(fields[name])[0] == _OBJECT:
                return None
    return most


def _choices(fields: Fields) -> int:
    said = [_read(fields[name]) for name in ("n", "best_of") if name in fields and bytes(fields[name]) != b"null"]
    return _CHOICES_MAX if None in said else max(1, *(each or 0 for each in said), 1)


def _prompts(body: Body) -> int:
    """The texts of an older completion that are continued one by one."""
    prompt = body.fields.get("prompt")
    if prompt is None or memoryview(prompt)[0] != _LIST:
        return 1
    each = _items(prompt)
    return len(each) if each and bytes(each[0])[:1] in b'"[' else 1


def _media(messages: Raw) -> int:
    """Parts of messages that are no text, at most."""
    if len(messages) > _SCANNED_MAX:
        return len(messages) // _PART_BYTES
    raw = bytes(messages)
    if raw.find(b"[", 1) < 0:
        return 0  # content is text everywhere
    if raw.find(_ESCAPED_LETTER) >= 0:
        return raw.count(b"{")
    return sum(raw.count(word) for word in _MEDIA)


def _without_completion(operation: str, body: Body, size: int) -> int:
    if operation == "rerank":
        documents = len(_items(body.fields.get("documents")))
        return size + documents * (len(body.fields.get("query", b"")) + 16)  # each is read with the query
    return 0 if operation == "count_tokens" else size


def _searches(call: Call) -> int:
    documents = call.body.fields.get("documents")
    if documents is None:
        return 1
    return -(-(len(_items(documents)) + len(documents) // _PASSAGE_BYTES) // _PASSAGES)


def _items(value: Raw | None) -> list[Raw]:
    try:
        return _list.decode(value) if value is not None else []
    except (msgspec.DecodeError, RecursionError):
        return []


def _read(value: Raw) -> int | None:
    try:
        return max(0, _number.decode(value))
    except msgspec.DecodeError:
        return None
