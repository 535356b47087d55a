"""Streams of chunks to whole answers and back, in OpenAI's format: what was asked for in one form answers the other.

Chat completions and completions: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from adapters.framing import sse
from adapters.wire.stream_end import DONE
from adapters.wire.usage import Usage, usage_json

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_OBJECTS = {"chat.completion.chunk": "chat.completion", "chat.completion": "chat.completion.chunk"}
_FIRST_COUNTS = frozenset({"id", "type", "role", "name", "index", "object", "model", "created"})
"""Members that later pieces repeat or leave empty."""
_TEXTS = ("content", "refusal", "reasoning_content", "reasoning", "arguments", "transcript", "data", "text")
"""Members whose pieces are joined."""
_OF_CHUNKS = frozenset({"obfuscation"})
"""Members that only streams have."""

Json: TypeAlias = dict[str, Any]


class Unfoldable(Exception):
    """An answer that can't be put into the other form."""


def fold(stream: bytes, usage: Usage | None) -> bytes:
    """A whole stream to the answer that it is; `usage` where the stream does not tell it.

    Raises Unfoldable on a stream that is not whole, or none of OpenAI's.
    """
    answer: Json = {}
    choices: dict[int, Json] = {}
    told = None
    for chunk in _chunks(stream):
        told = chunk.pop("usage", None) or told
        for piece in _list(chunk.pop("choices", None)):
            index = _place(piece.get("index", 0))
            _fold_choice(choices.setdefault(index, {"index": index}), piece)
        _merge(answer, {name: value for name, value in chunk.items() if name not in _OF_CHUNKS})
    if not choices or any(choice.get("finish_reason") is None for choice in choices.values()):
        raise Unfoldable("the stream has no end")
    is_chat = answer.get("object") in _OBJECTS
    answer["object"] = _OBJECTS.get(answer.get("object", ""), answer.get("object"))
    whole = [choices[index] for index in sorted(choices)]
    answer["choices"] = [_whole_message(choice) for choice in whole] if is_chat else whole
    if told is None and usage is not None:
        told = usage_json(usage)
    return _encode(answer | {"usage": told} if told is not None else answer)


def unfold(body: bytes, usage: Usage | None) -> bytes:
    """An answer to a stream that says the same; it tells `usage` where the client is to be told.

    Raises Unfoldable on an answer that is none of OpenAI's.
    """
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unfoldable("the answer is no JSON object") from error
    told = answer.pop("usage", None)
    choices = _list(answer.pop("choices", None))
    if not choices:
        raise Unfoldable("the answer has no choices")
    if (kind := answer.get("object")) in _OBJECTS:
        answer["object"] = _OBJECTS[kind]
    rest: Json = {"usage": None} if usage is not None else {}
    frames = [
        b"data: %b\n\n" % _encode(answer | {"choices": [piece]} | rest)
        for choice in choices
        for piece in _pieces(choice)
    ]
    if usage is not None:
        frames.append(_usage_frame(answer, told or usage_json(usage)))
    return b"".join((*frames, DONE))


def retell(stream: bytes, usage: Usage | None) -> bytes:
    """A whole stream for a client that asked for usage where the first did not, or the other way round: then None.

    Raises Unfoldable on a stream that is none of OpenAI's.
    """
    frames = []
    last: Json = {}
    for chunk in _chunks(stream):
        told = chunk.pop("usage", None)
        if told is not None and not chunk.get("choices"):
            continue
        last = chunk
        frames.append(b"data: %b\n\n" % _encode(chunk | {"usage": None} if usage is not None else chunk))
    if usage is not None:
        last.pop("choices", None)
        frames.append(_usage_frame(last, usage_json(usage)))
    return b"".join((*frames, DONE))


def _chunks(stream: bytes) -> Iterator[Json]:
    for frame in sse.split(stream):
        data = sse.parse(frame).data
        if data is None or data.strip() == b"[DONE]":
            continue
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unfoldable("a frame is no JSON object") from error
        if chunk.get("error"):
            raise Unfoldable("the stream ends with an error")
        yield chunk


def _usage_frame(answer: Json, told: Any) -> bytes:
    return b"data: %b\n\n" % _encode(answer | {"choices": [], "usage": told})


def _list(value: Any) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unfoldable("choices are no list of objects")
    return value


def _place(index: Any) -> int:
    if not isinstance(index, int):
        raise Unfoldable("an index is no number")
    return index


# Pieces to a whole


def _fold_choice(choice: Json, piece: Json) -> None:
    delta = piece.pop("delta", None)
    if isinstance(delta, dict):
        message = choice.setdefault("message", {})
        for call in _list(delta.pop("tool_calls", None)):
            calls = message.setdefault("tool_calls", {})
            place = _place(call.pop("index", len(calls)))
            _merge(calls.setdefault(place, {}), call)
        _merge(message, delta)
    _merge(choice, piece)


def _merge(whole: Json, piece: Json) -> None:
    """Add what a piece says to what was said; nulls say nothing."""
    for name, value in piece.items():
        before = whole.get(name)
        if before is None or (before == "" and name in _FIRST_COUNTS):
            whole[name] = value
        elif value is None or name in _FIRST_COUNTS:
            continue
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        elif isinstance(before, str) and isinstance(value, str) and name in _TEXTS:
            whole[name] = before + value
        else:
            whole[name] = value


def _whole_message(choice: Json) -> Json:
    said = choice.get("message") or {}
    calls = said.pop("tool_calls", None)
    message = {"role": "assistant", "content": None, "refusal": None} | said
    if calls:
        message["tool_calls"] = [calls[place] for place in sorted(calls)]
    if not message["content"] and (calls or message["refusal"] or message.get("function_call")):
        message["content"] = None
    return {"index": choice["index"], "message": message, "logprobs": None} | choice | {"message": message}


# A whole to pieces


def _pieces(choice: Json) -> Iterator[Json]:
    """The pieces of one choice: who speaks, what is said, why it ends."""
    index = choice.get("index", 0)
    end = choice.get("finish_reason")
    message = choice.get("message")
    if not isinstance(message, dict):  # a completion of text
        yield choice | {"finish_reason": None}
        yield {"index": index, "text": "", "logprobs": None, "finish_reason": end}
        return
    rest = {name: value for name, value in choice.items() if name not in ("index", "message", "finish_reason")}
    silent = {"logprobs": None, "finish_reason": None}
    yield {"index": index, "delta": {"role": message.get("role", "assistant"), "content": ""}} | silent
    said = {name: value for name, value in message.items() if name != "role" and value not in (None, "")}
    if isinstance(calls := said.get("tool_calls"), list):
        said["tool_calls"] = [{"index": place} | call for place, call in enumerate(calls)]
    yield {"index": index, "delta": said, "logprobs": None} | rest | {"finish_reason": None}
    yield {"index": index, "delta": {}} | silent | {"finish_reason": end}
