"""OpenAI's chat completion chunks, for stream decoders that have to write them.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

import time
from typing import Any

import msgspec

from adapters.inference.contract import Target
from adapters.wire.body import Body
from adapters.wire.completion import FinishReason
from adapters.wire.errors import GatewayError
from adapters.wire.redaction import redact
from adapters.wire.stream_end import DONE
from adapters.wire.usage import Usage, usage_json

_encode = msgspec.json.Encoder().encode
_UNTOLD: dict[str, Any] = {"logprobs": None, "finish_reason": None}
_REST = b"," + _encode(_UNTOLD)[1:]
"""What stands after a delta, where there is nothing to tell."""


class ChunkWriter:
    """Writes the frames of one stream. Every method gives bytes for the client; the decoder joins and returns them.

    The first chunk of a choice has the role and comes by itself. What concerns usage is as OpenAI does it: nothing
    unless the client asked, else a null in every chunk and one last chunk without choices.
    """

    __slots__ = ("_head", "_model", "_openings", "_secret", "_tail", "_tools", "_wants_usage", "further")

    def __init__(self, target: Target, body: Body) -> None:
        self._model = target.model
        self._secret = target.settings.api_key
        self._wants_usage = body.wants_usage
        self._tail = b'],"usage":null}\n\n' if body.wants_usage else b"]}\n\n"
        self._head = b""
        self._openings: dict[int, bytes] = {}
        """What stands before a delta, for each choice that has begun."""
        self._tools: dict[int, int] = {}
        self.further: dict[str, Any] = {}
        """Top-level members of every chunk from `begin` on, such as `service_tier`."""

    def begin(self, id: str, model: str | None = None, created: int | None = None) -> None:
        """Say whose chunks these are; the first word counts."""
        if not self._head:
            told = {
                "id": id,
                "object": "chat.completion.chunk",
                "created": int(time.time()) if created is None else created,
                "model": model or self._model,
            }
            self._head = b"data: " + _encode(told | self.further)[:-1] + b',"choices":['

    @property
    def begun(self) -> bool:
        """Whether `begin` was called."""
        return bool(self._head)

    def delta(self, delta: dict[str, Any], index: int = 0, **further: Any) -> bytes:
        """A chunk with this delta; `further` are members of the choice, such as `logprobs`."""
        opening = self._openings.get(index)
        if opening is None:
            return self._begin_choice(index) + self.delta(delta, index, **further)
        rest = b"," + _encode(_UNTOLD | further)[1:] if further else _REST
        return opening + _encode(delta) + rest + self._tail

    def text(self, text: str, index: int = 0) -> bytes:
        """A piece of the answer; nothing for an empty one."""
        return self.delta({"content": text}, index) if text else b""

    def reasoning(self, text: str, index: int = 0) -> bytes:
        """A piece of the thoughts."""
        return self.delta({"reasoning_content": text}, index) if text else b""

    def reasoning_details(self, details: list[dict[str, Any]], index: int = 0) -> bytes:
        """Thoughts that ended, with their signatures; the text was streamed as `reasoning` already."""
        return self.delta({"reasoning_details": details}, index)

    def tool_call(self, id: str, name: str, arguments: str = "", index: int = 0) -> bytes:
        """A tool call begins, or comes whole."""
        place = self._tools[index] = self._tools.get(index, -1) + 1
        function = {"name": name, "arguments": arguments}
        return self.delta({"tool_calls": [{"index": place, "id": id, "type": "function", "function": function}]}, index)

    def arguments(self, piece: str, index: int = 0) -> bytes:
        """A piece of the arguments of the tool call that began last."""
        if not piece:
            return b""
        place = self._tools[index]
        return self.delta({"tool_calls": [{"index": place, "function": {"arguments": piece}}]}, index)

    def finish(self, reason: FinishReason, index: int = 0, **further: Any) -> bytes:
        """The end of a choice; `further` are top-level members of its chunk, such as what a guardrail did."""
        chunk = self.delta({}, index, finish_reason=reason)
        return chunk[:-3] + b"," + _encode(further)[1:] + b"\n\n" if further else chunk

    def end(self, usage: Usage | None) -> bytes:
        """The end of the stream: usage where the client asked for it and it is known, and `[DONE]`."""
        if not self._wants_usage or usage is None:
            return DONE
        return self._head + b'],"usage":' + _encode(usage_json(usage)) + b"}\n\n" + DONE

    def fail(self, error: GatewayError) -> bytes:
        """An error inside the stream, without the provider's secret; nothing follows."""
        redact(error, self._secret)
        return b"data: " + error.body() + b"\n\n"

    def _begin_choice(self, index: int) -> bytes:
        self._openings[index] = self._head + b'{"index":%d,"delta":' % index
        return self.delta({"role": "assistant", "content": ""}, index)
