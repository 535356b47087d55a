"""Answers to what was asked before in other words, on routes that want it."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.wire.body import Body
from adapters.wire.embeddings import read_vectors
from adapters.wire.errors import GatewayError
from config.caching import Semantic as Settings
from gateway.call import Call
from gateway.fingerprint import digest
from gateway.inside import Inside
from gateway.observe.counters import Counters
from gateway.state.cache.contract import SemanticIndex

_OPERATIONS = frozenset({"chat", "messages"})
_messages = msgspec.json.Decoder(list[dict[str, Any]])
_vector = msgspec.json.Decoder(list[float])
_encode = msgspec.json.Encoder().encode


class Question(Struct, frozen=True):
    """What is asked, so that it can be compared."""

    group: bytes
    """A digest of everything but the words: of who asks, too."""
    vector: Sequence[float]


class Semantic:
    """Turns calls into questions, and finds the nearest that was answered."""

    __slots__ = ("_counters", "_inside", "index")

    def __init__(self, index: SemanticIndex, inside: Inside, counters: Counters) -> None:
        self.index = index
        self._inside = inside
        self._counters = counters

    async def question(self, call: Call, settings: Settings) -> Question | None:
        """The question of a call; None where it has no words, or too many, or they can't be embedded in time."""
        if call.operation not in _OPERATIONS:
            return None
        split = split_turns(call.body, settings.turns)
        if split is None:
            return None
        words, rest = split
        if len(words) > settings.characters:
            return None
        vector = await self._embed(call, words, settings)
        if vector is None:
            self._counters.add("cache_similarity_failures")
            return None
        group = hashlib.sha256(digest(call, rest) + settings.embedding.encode()).digest()
        return Question(group, vector)

    async def _embed(self, call: Call, words: str, settings: Settings) -> Sequence[float] | None:
        asked = {"model": settings.embedding, "input": words, "encoding_format": "float"}
        fields = {name: Raw(_encode(value)) for name, value in asked.items()}
        body = Body(fields, settings.embedding, stream=False, wants_usage=False)
        try:
            async with asyncio.timeout(settings.timeout):
                reply = await self._inside.ask("embeddings", call.caller, body, {}, "similarity")
        except (GatewayError, TimeoutError):
            return None
        read = read_vectors(reply.body)
        try:
            return _vector.decode(read[0][0]) if read is not None and read[0] else None
        except msgspec.DecodeError:
            return None


def split_turns(body: Body, turns: int) -> tuple[str, dict[str, Raw]] | None:
    """The words of the last messages, and the fields of the request without them; None where there are no words."""
    try:
        messages = _messages.decode(body.fields.get("messages", b""))
    except (msgspec.DecodeError, RecursionError):
        return None
    words: list[str] = []
    wordless = [_without_words(message, words) for message in messages[-turns:]]
    if not any(text.strip() for text in words):
        return None
    return "\n".join(words), body.fields | {"messages": Raw(_encode(messages[:-turns] + wordless))}


def _without_words(message: dict[str, Any], words: list[str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        words.append(content)
        return message | {"content": ""}
    if not isinstance(content, list):
        return message
    return message | {"content": [_without_text(part, words) for part in content]}


def _without_text(part: Any, words: list[str]) -> Any:
    """A picture or a document stays: it has to be equal."""
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(text := part.get("text"), str):
        words.append(text)
        return part | {"text": ""}
    return part
