"""Streams: one JSON object a line, the last with `done`.

https://github.com/ollama/ollama/blob/main/docs/api.md#response-10
"""

from typing import Any

from adapters.framing.ndjson import Lines, LineTooLarge
from adapters.inference.contract import Target
from adapters.inference.ollama.response import (
    answer_id,
    arguments_text,
    call_id,
    created_of,
    finish_reason,
    is_judged,
    logprobs_of,
    usage_of,
)
from adapters.inference.ollama.schema import ChatResponse, read_answer
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import check_answer
from adapters.wire.usage import Usage


class Stream:
    """An answer on its way."""

    __slots__ = ("_body", "_called", "_done", "_judged", "_lines", "_texts", "_writer", "error", "usage")

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._lines = Lines()
        self._writer = ChunkWriter(target, body)
        self._body = body
        self._judged = is_judged(body, target)
        self._texts: list[str] = []
        """What was said, where it is to be judged in the end."""
        self._called = False
        self._done = False

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and Ollama did not tell it."""
        return self._body.wants_usage and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the chunks of the lines that are whole."""
        if self._done:
            return b""
        try:
            lines = self._lines.feed(data)
        except LineTooLarge:
            return self._fail(UpstreamError("The provider's stream has a line that is too large."))
        return b"".join(map(self._line, lines))

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: the line it left open, and the end."""
        rest = self._lines.close()
        shown = self._line(rest) if rest else b""
        if not self._done:
            shown += self._fail(StreamIncomplete())
        return shown if self.error is not None else shown + self._writer.end(self.usage or counted)

    def _line(self, line: bytes) -> bytes:
        if self._done:
            return b""
        try:
            part = read_answer(line)
        except UpstreamError as error:
            return self._fail(error)
        if not self._writer.begun:
            self._writer.begin(answer_id(), part.model, created_of(part))
        shown = self._said(part)
        return shown + self._finish(part) if part.done else shown

    def _said(self, part: ChatResponse) -> bytes:
        said = part.message
        delta: dict[str, Any] = {}
        if said.thinking:
            delta["reasoning_content"] = said.thinking
        if said.content:
            delta["content"] = said.content
            if self._judged:
                self._texts.append(said.content)
        shown = b""
        if delta or part.logprobs:
            shown = self._writer.delta(delta, logprobs=logprobs_of(part))
        for call in said.tool_calls or ():
            self._called = True
            shown += self._writer.tool_call(call_id(call), call.function.name, arguments_text(call.function))
        return shown

    def _finish(self, part: ChatResponse) -> bytes:
        self.usage = usage_of(part)
        reason = finish_reason(part, called=self._called)
        if reason == "stop" and self._judged:
            try:
                check_answer("".join(self._texts), self._body)
            except GatewayError as error:
                return self._fail(error)
        self._done = True
        return self._writer.finish(reason)

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        self._done = True
        return self._writer.fail(error)
