"""Streams of streamGenerateContent (`alt=sse`) as chat completion chunks.

Every event is an answer of its own with the next piece of each candidate and the usage so far; nothing but the
candidates' finish reasons tells that the stream is whole.
https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

import secrets

from adapters.framing import sse
from adapters.inference.contract import Target
from adapters.inference.gemini.response import blocked, read_answer
from adapters.inference.gemini.schema import Candidate, GenerateContentResponse, UsageMetadata
from adapters.inference.gemini.turn import Turn
from adapters.inference.gemini.usage import tells_counts, tier_of, usage_of
from adapters.wire.body import Body
from adapters.wire.chunks import ChunkWriter
from adapters.wire.completion import FinishReason
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.structured import check_answer
from adapters.wire.usage import Usage


class ChatStream:
    """One answer on its way."""

    __slots__ = ("_body", "_framer", "_id", "_told", "_turns", "_writer", "error")

    def __init__(self, target: Target, body: Body) -> None:
        self.error: GatewayError | None = None
        self._body = body
        self._framer = sse.Framer()
        self._writer = ChunkWriter(target, body)
        self._turns: dict[int, Turn] = {}
        self._id = ""
        self._told: UsageMetadata | None = None

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return usage_of(self._told)

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the service has not told it."""
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
        """The upstream ended: the usage that is owed and `[DONE]`, or an error where the answer is not whole."""
        last = self._frame(self._framer.close())
        if self.error is not None:
            return last
        if not self._turns or any(turn.finish_reason is None for turn in self._turns.values()):
            return last + self._fail(StreamIncomplete())
        return last + self._writer.end(self.usage or counted)

    def _frame(self, frame: bytes) -> bytes:
        data = sse.parse(frame).data
        if data is None or self.error is not None:
            return b""
        out: list[bytes] = []
        try:
            self._event(read_answer(data), out)
        except GatewayError as error:
            out.append(self._fail(error))
        return b"".join(out)

    def _event(self, event: GenerateContentResponse, out: list[bytes]) -> None:
        if tells_counts(event.usage_metadata):
            self._told = event.usage_metadata
        if not self._id:
            self._id = event.response_id or secrets.token_hex(12)
            if tier := tier_of(event.usage_metadata):
                self._writer.further["service_tier"] = tier
            self._writer.begin(self._id, event.model_version)
        for place, candidate in enumerate(event.candidates or ()):
            self._candidate(candidate.index if candidate.index is not None else place, candidate, out)
        if not self._turns and (turn := blocked(event.prompt_feedback, self._id)):
            self._turns[0] = turn
            self._finish(0, turn, "content_filter", out)

    def _candidate(self, index: int, candidate: Candidate, out: list[bytes]) -> None:
        turn = self._turns.get(index)
        if turn is None:
            turn = self._turns[index] = Turn(self._id, index)
        elif turn.finish_reason is not None:
            return
        deltas = turn.take(candidate)
        if candidate.logprobs_result is not None:
            logprobs = turn.take_logprobs(candidate.logprobs_result)
            first = deltas.pop(0) if deltas else {}
            out.append(self._writer.delta(first, index, logprobs=logprobs))
        out += [self._writer.delta(delta, index) for delta in deltas]
        if turn.finish_reason is not None:
            self._finish(index, turn, turn.finish_reason, out)

    def _finish(self, index: int, turn: Turn, reason: FinishReason, out: list[bytes]) -> None:
        if reason == "stop":
            check_answer(turn.text, self._body)
        if told := turn.end():
            out.append(self._writer.delta(told, index))
        out.append(self._writer.finish(reason, index))

    def _fail(self, error: GatewayError) -> bytes:
        self.error = error
        return self._writer.fail(error)
