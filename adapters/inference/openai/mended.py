"""Answers to chat and completions: byte for byte where the provider has no quirks, mended where it has."""

from adapters.framing import sse
from adapters.inference.contract import Answer, StreamDecoder, Target
from adapters.inference.openai.checked import CheckedStream, check_whole, is_promised
from adapters.inference.openai.quirks import Kind, Mender, mender_for
from adapters.inference.openai.response import decode
from adapters.inference.openai.stream import Stream
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.usage import Usage


def decode_chat(raw: bytes, target: Target, body: Body) -> Answer:
    """A chat completion. Raises UpstreamError as `decode` does, and on what the provider's quirks bring to light."""
    answer = decode(raw, target, body)
    if target.deviates:
        answer = _mended(answer, target, body, "chat.completion")
    if is_promised(body, target):
        check_whole(answer.body, body)
    return answer


def decode_completion(raw: bytes, target: Target, body: Body) -> Answer:
    """A completion of the older kind. Raises as above."""
    answer = decode(raw, target, body)
    return _mended(answer, target, body, "text_completion") if target.deviates else answer


def stream_chat(target: Target, body: Body) -> StreamDecoder:
    """A decoder for a streamed chat completion."""
    mender = mender_for(target, body, "chat.completion.chunk", whole=False) if target.deviates else None
    stream = Stream(target, body) if mender is None else MendedStream(mender, Stream(target, body))
    return CheckedStream(stream, body) if is_promised(body, target) else stream


def stream_completion(target: Target, body: Body) -> StreamDecoder:
    """A decoder for a streamed completion of the older kind."""
    mender = mender_for(target, body, "text_completion", whole=False) if target.deviates else None
    return Stream(target, body) if mender is None else MendedStream(mender, Stream(target, body))


def _mended(answer: Answer, target: Target, body: Body, kind: Kind) -> Answer:
    mender = mender_for(target, body, kind, whole=True)
    if mender is None:
        return answer
    try:
        return Answer(mender.mend(answer.body), answer.usage)
    except UpstreamError as error:
        redact(error, target.settings.api_key)
        raise


class MendedStream:
    """Mends each frame and hands it to the decoder of ordinary streams, which sees to usage, errors and the end."""

    __slots__ = ("_framer", "_mender", "_stream")

    def __init__(self, mender: Mender, stream: Stream) -> None:
        self._mender = mender
        self._stream = stream
        self._framer = sse.Framer()

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._stream.usage

    @property
    def error(self) -> GatewayError | None:
        """The error that ended the stream."""
        return self._stream.error

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the provider has not told it."""
        return self._stream.owes_usage

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the frames that are whole, mended."""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        return b"".join(map(self._frame, sse.split(frames))) if frames else b""

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give what is still owed.

        A choice without a finish reason in a stream without `[DONE]` was cut, which is an error.
        """
        rest = self._framer.close()
        shown = self._frame(rest)
        if self._mender.is_open and not rest.strip() and not self._stream.ended:
            shown += self._fail(StreamIncomplete())
        return shown + self._stream.close(counted)

    def _frame(self, frame: bytes) -> bytes:
        if self._stream.ended:
            return b""
        event = sse.parse(frame)
        if event.data is None or event.name == b"error":
            return self._stream.feed(frame)
        try:
            if event.data.strip() != b"[DONE]":
                return self._stream.feed(_reframed(frame, event, self._mender.mend(event.data)))
            last = sse.write(self._mender.finish()) if self._mender.is_open else b""
            return self._stream.feed(last + frame)
        except UpstreamError as error:
            return self._fail(error)

    def _fail(self, error: UpstreamError) -> bytes:
        return self._stream.feed(b"event: error\ndata: " + error.body() + b"\n\n")


def _reframed(frame: bytes, event: sse.Event, data: bytes) -> bytes:
    if data is event.data:
        return frame
    if frame.startswith(b"data: {") and frame.find(b"\n") == len(frame) - 2:  # nothing but data, as in nearly all
        return b"data: " + data + b"\n\n"
    return sse.with_data(frame, data)
