"""Streams as models write them, and what a client makes of them, for tests of guardrails."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from adapters.framing import sse
from adapters.messages.blocks import event

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "llama"}


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **further: Any) -> bytes:
    """One frame of a chat stream."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return sse.write(msgspec.json.encode(HEAD | {"choices": [choice]} | further))


def chat_stream(pieces: Iterable[str], index: int = 0, finish: str = "stop") -> list[bytes]:
    """The frames of one answer, without `[DONE]`."""
    said = [chunk({"content": piece}, index=index) for piece in pieces]
    return [chunk({"role": "assistant", "content": ""}, index=index), *said, chunk({}, finish, index)]


DONE = b"data: [DONE]\n\n"


def message_stream(blocks: Sequence[tuple[str, Sequence[str]]]) -> list[bytes]:
    """The frames of a message: for each block `text` or `tool_use`, and its pieces."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "llama", "content": []}
    frames = [event("message_start", {"message": message | {"stop_reason": None, "usage": {"input_tokens": 3}}})]
    for index, (kind, pieces) in enumerate(blocks):
        block = {"type": "text", "text": ""} if kind == "text" else {"type": kind, "id": "t", "name": "f", "input": {}}
        name, member = ("text_delta", "text") if kind == "text" else ("input_json_delta", "partial_json")
        frames.append(event("content_block_start", {"index": index, "content_block": block}))
        frames += [
            event("content_block_delta", {"index": index, "delta": {"type": name, member: piece}}) for piece in pieces
        ]
        frames.append(event("content_block_stop", {"index": index}))
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    frames.append(event("message_delta", {"delta": stop, "usage": {"output_tokens": 5}}))
    return [*frames, event("message_stop", {})]


class Heard:
    """What a client makes of a chat stream. Fails on frames that are none."""

    def __init__(self, stream: bytes) -> None:
        self.texts: dict[int, str] = {}
        self.arguments: dict[tuple[int, int], str] = {}
        self.finish: dict[int, str] = {}
        self.filtered: dict[int, Any] = {}
        self.usage: Any = None
        self.error: Any = None
        self.comments: list[str] = []
        self.is_done = False
        for frame in sse.split(stream):
            assert frame.endswith(b"\n\n")
            data = sse.parse(frame).data
            assert not self.is_done, "something comes after the end"
            if data is None:
                self.comments.append(frame.decode().strip())
            elif data == b"[DONE]":
                self.is_done = True
            else:
                self._chunk(msgspec.json.decode(data))

    def _chunk(self, said: dict[str, Any]) -> None:
        self.error = said.get("error")
        self.usage = said.get("usage") or self.usage
        for choice in said.get("choices", ()):
            index = choice["index"]
            assert index not in self.finish, "a choice goes on after its end"
            delta = choice.get("delta", {})
            self.texts[index] = self.texts.get(index, "") + (delta.get("content") or choice.get("text") or "")
            for call in delta.get("tool_calls", ()):
                key = index, call["index"]
                self.arguments[key] = self.arguments.get(key, "") + call["function"].get("arguments", "")
            if choice["finish_reason"] is not None:
                self.finish[index] = choice["finish_reason"]
                self.filtered[index] = choice.get("content_filter_results")
