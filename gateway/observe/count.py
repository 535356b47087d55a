"""Counts the tokens of a call whose provider did not: a stream that was cancelled, or one that never tells."""

import logging
from typing import Any

import msgspec

from adapters.wire.tokens import count_chat, count_text
from adapters.wire.usage import Usage
from gateway.call import Call

log = logging.getLogger("isthmus.usage")


class Uncounted(msgspec.Struct, frozen=True):
    """The texts of a call, as they were on the wire."""

    request_id: str
    model: str
    messages: bytes
    prompt: bytes
    transcript: bytes
    system: bytes = b""
    """Of a Messages request, as `tools`: instructions stand apart there."""
    tools: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        parts = (self.messages, self.prompt, self.transcript, self.system, self.tools)
        return sum(map(len, parts))


def uncounted(call: Call) -> Uncounted:
    """What has to be counted of a call."""
    fields = call.body.fields
    return Uncounted(
        request_id=call.request_id.decode("latin-1"),
        model=call.target.model if call.target else call.body.model,
        messages=bytes(fields.get("messages", b"")),
        prompt=bytes(fields.get("prompt") or fields.get("input") or b""),
        transcript=b"".join(call.transcript),
        system=bytes(fields.get("system", b"")),
        tools=bytes(fields.get("tools", b"")),
    )


def count(texts: Uncounted) -> Usage:
    """Tokens of the request and of what was sent of the answer. Slow, and takes much memory the first time."""
    try:
        return Usage(
            prompt_tokens=_prompt_tokens(texts),
            completion_tokens=count_text(sent_text(texts.transcript), texts.model),
            estimated=True,
        )
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s: tokens could not be counted: %s", texts.request_id, error)
        return Usage(estimated=True)


def _prompt_tokens(texts: Uncounted) -> int:
    if texts.messages:
        messages = msgspec.json.decode(texts.messages)
        if texts.system:
            messages = [{"content": msgspec.json.decode(texts.system)}, *messages]
        return count_chat(messages, texts.model, msgspec.json.decode(texts.tools or b"null"))
    prompt = msgspec.json.decode(texts.prompt or b'""')
    parts = prompt if isinstance(prompt, list) else [prompt]
    return sum(_size(part, texts.model) for part in parts)


def _size(item: Any, model: str) -> int:
    """Tokens of a text, of a list of token ids, or of one id."""
    if isinstance(item, str):
        return count_text(item, model)
    return len(item) if isinstance(item, list) else 1


def sent_text(transcript: bytes) -> str:
    """The text of the chunks in a stream that was sent."""
    texts: list[str] = []
    for line in transcript.splitlines():
        if line.startswith(b"data:") and (data := line[5:].strip()) != b"[DONE]":
            chunk = msgspec.json.decode(data)
            for choice in chunk.get("choices", ()):
                texts += _texts(choice.get("delta") or choice.get("message") or choice)
            texts += _texts_of_messages(chunk)
    return "".join(texts)


def _texts_of_messages(event: dict[str, Any]) -> list[str]:
    """The texts of an answer in the Messages format, or of an event of its streams."""
    blocks = [event.get("delta"), event.get("content_block"), *(event.get("content") or ())]
    parts = [
        block.get(name)
        for block in blocks
        if isinstance(block, dict)
        for name in ("text", "thinking", "partial_json", "name")
    ]
    calls = [block["input"] for block in blocks if isinstance(block, dict) and block.get("input")]
    return [part for part in parts if isinstance(part, str)] + [msgspec.json.encode(call).decode() for call in calls]


def _texts(delta: dict[str, Any]) -> list[str]:
    calls = [call.get("function") or {} for call in delta.get("tool_calls") or ()]
    parts = [delta.get("content"), delta.get("text"), delta.get("reasoning_content"), delta.get("reasoning")]
    parts += [part for call in calls for part in (call.get("name"), call.get("arguments"))]
    return [part for part in parts if isinstance(part, str)]
