"""Messages requests as the door hands them on, and the bridges that they are asked through."""

import json
from typing import Any

from adapters.inference import anthropic, openai
from adapters.messages.body import MessagesBody, parse
from adapters.messages.bridge import bridge
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import target

PLAIN = bridge(openai.ADAPTER.codecs["chat"])
"""Asks a service that speaks OpenAI's format."""
TRANSLATED = bridge(anthropic.ADAPTER.codecs["chat"])
"""Asks through a dialect that translates."""
HELLO = [{"role": "user", "content": "Hello"}]


def request(**fields: Any) -> MessagesBody:
    """A request; it says hello unless it says something else."""
    return parse(json.dumps({"model": "route", "max_tokens": 99, "messages": HELLO, **fields}).encode())


def sent(**fields: Any) -> Any:
    """What a service of OpenAI's format is sent for a request."""
    return json.loads(PLAIN.encode(request(**fields), target()).body)


def sent_messages(*content: Any, role: str = "user") -> Any:
    """The messages that it is sent for one turn."""
    return sent(messages=[{"role": role, "content": list(content)}])["messages"]


def dropped(**fields: Any) -> tuple[str, ...]:
    """What is told to be left out."""
    return PLAIN.encode(request(**fields), target()).dropped


def completion(message: dict[str, Any], finish: str | None = "stop", **further: Any) -> bytes:
    """A completion with one answer; `stop_reason` belongs to the answer, whatever else to the completion."""
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    if "stop_reason" in further:
        choice["stop_reason"] = further.pop("stop_reason")
    whole = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE}
    return json.dumps(whole | further).encode()


def answer(message: dict[str, Any], finish: str | None = "stop", asked: Any = None, **further: Any) -> Any:
    """What a client is answered where the service answers this."""
    body = request(**(asked or {}))
    return json.loads(PLAIN.decode(completion(message, finish, **further), target(), body).body)


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chunk(delta: dict[str, Any], finish: str | None = None, **further: Any) -> bytes:
    """A frame of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish} | further
    told = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


END = (
    b"data: "
    + json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE}).encode()
    + b"\n\ndata: [DONE]\n\n"
)
"""The frames after a stream's last choice."""


def streamed(*frames: bytes, size: int = 1 << 30, counted: Usage | None = None, **fields: Any) -> bytes:
    """What a client is sent for a stream that comes in pieces of a size."""
    decoder = PLAIN.stream(target(), request(stream=True, **fields))
    stream = b"".join(frames)
    shown = b"".join(decoder.feed(stream[start : start + size]) for start in range(0, len(stream), size))
    return shown + decoder.close(counted)
