"""Streams: server-sent events with an id, a name and a chunk that is nearly OpenAI's; no `[DONE]` at the end.

https://cloud.ibm.com/apidocs/watsonx-ai#text-chat-stream
"""

from typing import Any

from adapters.framing import sse
from adapters.inference.contract import Target
from adapters.inference.watsonx.errors import explain_inside
from adapters.inference.watsonx.response import call_id, finish_reason, is_judged
from adapters.inference.watsonx.schema import ChatResponse, Choice, Message, ToolCall, read_answer
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import check_answer
from adapters.wire.usage import Usage, read_usage

_DONE = b"[DONE]"
_USUAL = b"\nevent: message\ndata: "


class _Progress:
    """How far one of the answers has come."""

    __slots__ = ("calls", "finished", "texts")

    def __init__(self) -> None:
        self.calls: list[int] = []
        """Indices of the tool calls that have begun."""
        self.texts: list[str] = []
        self.finished = False


class Stream:
    """An answer on its way."""

    __slots__ = ("_answers", "_body", "_framer", "_id", "_judged", "_writer", "error", "usage")

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._framer = sse.Framer()
        self._writer = ChunkWriter(target, body)
        self._body = body
        self._judged = is_judged(body, target)
        self._answers: dict[int, _Progress] = {}
        self._id = ""

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the service did not tell it."""
        return self._body.wants_usage and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the chunks of the events that are whole."""
        if self.error is not None:
            return b""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        return b"".join(map(self._frame, sse.split(frames)))

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: the event it left open, and the end."""
        rest = self._framer.close()
        shown = self._frame(rest) if rest.strip() else b""
        if self.error is None and not (self._answers and all(each.finished for each in self._answers.values())):
            shown += self._fail(StreamIncomplete())
        return shown if self.error is not None else shown + self._writer.end(self.usage or counted)

    def _frame(self, frame: bytes) -> bytes:
        event = _parse(frame)
        if self.error is not None or event.data is None or event.data == _DONE:
            return b""
        if event.name == b"error":
            return self._fail(explain_inside(event.data))
        try:
            return self._chunk(read_answer(event.data))
        except GatewayError as error:
            return self._fail(error)

    def _chunk(self, told: ChatResponse) -> bytes:
        if not self._writer.begun:
            self._id = told.id
            self._writer.begin(told.id, told.model_id, told.created)
        shown = b"".join([self._choice(each) for each in told.choices])
        if usage := read_usage(told.usage) if told.usage else None:
            self.usage = usage
        if not told.choices:
            # The last event. Where tools were required, some models left the finish reason out.
            shown += b"".join([self._finish(index, None) for index in self._answers])
        return shown

    def _choice(self, told: Choice) -> bytes:
        progress = self._answers.get(told.index)
        if progress is None:
            progress = self._answers[told.index] = _Progress()
        if progress.finished:
            return b""
        delta = self._delta(told.delta or Message(), told.index, progress)
        shown = b""
        if delta or told.logprobs:
            shown = self._writer.delta(delta, told.index, logprobs=told.logprobs)
        return shown + self._finish(told.index, told.finish_reason) if told.finish_reason else shown

    def _delta(self, said: Message, index: int, progress: _Progress) -> dict[str, Any]:
        delta: dict[str, Any] = {}
        if said.reasoning_content:
            delta["reasoning_content"] = said.reasoning_content
        if said.content:
            delta["content"] = said.content
            if self._judged:
                progress.texts.append(said.content)
        if said.refusal:
            delta["refusal"] = said.refusal
        calls = [piece for call in said.tool_calls or () if (piece := self._piece(call, index, progress))]
        return delta | {"tool_calls": calls} if calls else delta

    def _piece(self, call: ToolCall, choice: int, progress: _Progress) -> dict[str, Any] | None:
        """A tool call that begins, more of its arguments, or nothing new."""
        begun = progress.calls
        index = call.index if call.index is not None else begun[-1] if begun else 0
        arguments = call.function.arguments or ""
        if index in begun:
            return {"index": index, "function": {"arguments": arguments}} if arguments else None
        begun.append(index)
        return {
            "index": index,
            "id": call_id(call, self._id, choice, index),
            "type": "function",
            "function": {"name": call.function.name or "", "arguments": arguments},
        }

    def _finish(self, index: int, told: str | None) -> bytes:
        """Raises UpstreamError on an answer that is none, or not in the form that was asked for."""
        progress = self._answers[index]
        if progress.finished:
            return b""
        progress.finished = True
        reason = finish_reason(told, called=bool(progress.calls))
        if reason == "stop" and self._judged:
            check_answer("".join(progress.texts), self._body)
        return self._writer.finish(reason, index)

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        return self._writer.fail(error)


def _parse(frame: bytes) -> sse.Event:
    """Read a frame: most have an id, their name and one line of data, which takes a quarter of the time to see."""
    start = frame.find(b"\n")
    if frame.startswith(b"id: ") and frame.startswith(_USUAL, start):
        start += len(_USUAL)
        if frame.find(b"\n", start) == len(frame) - 2:
            return sse.Event(b"message", frame[start:-2])
    return sse.parse(frame)
