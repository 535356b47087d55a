"""The service's own operations for clients that speak its format: bytes pass, usage is read on the way.

https://platform.claude.com/docs/en/api/messages/create, https://platform.claude.com/docs/en/api/messages/count_tokens
"""

import msgspec

from adapters.framing import sse
from adapters.inference.anthropic.errors import explain_inside
from adapters.inference.anthropic.response import read_message, usage_of
from adapters.inference.anthropic.schema import (
    Counts,
    Fault,
    MessageDelta,
    MessageStart,
    MessageStop,
    merge_counts,
    read_counts,
    read_event,
)
from adapters.inference.contract import Answer, Encoded, Target
from adapters.messages.errors import error_event
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.fields import drops_for
from adapters.wire.redaction import redact
from adapters.wire.usage import Usage

_encode = msgspec.json.Encoder().encode
stream_error = error_event
_TELLING = (b"message_start", b"message_delta", b"message_stop", b"error")


def encode(body: Body, target: Target) -> Encoded:
    """The client's body for the target's model, byte for byte but for what an operator says is unsupported."""
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    fields = drops.without(body, target.settings.unsupported).fields
    return Encoded(_encode(fields | {"model": target.model_json}), drops.dropped)


def decode(raw: bytes, target: Target, body: Body) -> Answer:
    """The answer as it is, and its usage. Raises UpstreamError on what is none."""
    return Answer(raw, usage_of(read_counts(read_message(raw, target).usage)))


def decode_count(raw: bytes, target: Target, body: Body) -> Answer:
    """A count of tokens as it is: nothing was used."""
    read_message(raw, target)
    return Answer(raw)


class MessagesStream:
    """A stream that goes on as it came; only events that tell usage or the end are looked into."""

    __slots__ = ("_counts", "_ended", "_framer", "_secret", "error", "usage")

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._framer = sse.Framer()
        self._secret = target.settings.api_key
        self._counts = Counts()
        self._ended = False

    @property
    def owes_usage(self) -> bool:
        """Never: the format has no way to ask for usage, and no place for a count of ours."""
        return False

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the frames that are whole."""
        if self._ended:
            return b""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        if not any(name in frames for name in _TELLING):
            return frames
        return b"".join([self._frame(frame) for frame in sse.split(frames)])

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: nothing is owed, unless it ended too early."""
        last = self._frame(self._framer.close())
        return last if self._ended else self._fail(StreamIncomplete())

    def _frame(self, frame: bytes) -> bytes:
        if self._ended:
            return b""
        data = sse.parse(frame).data
        try:
            event = read_event(data) if data is not None else None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return frame
        match event:
            case MessageStart():
                self._count(event.message.usage)
            case MessageDelta():
                self._count(event.usage)
            case MessageStop():
                self._ended = True
            case Fault() if data is not None:
                error = explain_inside(data)
                error.said = data
                return self._fail(error)
        return frame

    def _count(self, raw: msgspec.Raw) -> None:
        told = read_counts(raw)
        if told is not None:
            merge_counts(self._counts, told)
            self.usage = usage_of(self._counts)

    def _fail(self, error: UpstreamError) -> bytes:
        redact(error, self._secret)
        self.error = error
        self._ended = True
        return stream_error(error)
