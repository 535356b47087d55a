"""Streams in OpenAI's format: frames go on as they came; usage, errors and the end are seen to.

What a client sees of usage is what OpenAI promises, whatever the provider does: nothing unless it asked, and one last
chunk without choices if it did. https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
A client that did not ask still sees what the provider sends without being asked.
"""

import re
from collections import deque

import msgspec
from msgspec import Raw, Struct

from adapters.framing import sse
from adapters.inference.contract import Target
from adapters.inference.openai.errors import explain_inside
from adapters.inference.openai.response import tells_error
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError, StreamIncomplete, UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.stream_end import DONE
from adapters.wire.usage import Usage, read_usage

_LINE_ENDS = (b"\n", b"\r")
_NULL = Raw(b"null")
_NO_CHOICES = (Raw(b"[]"), Raw(b"null"), Raw())
# The null that `include_usage` adds to every chunk, where it stands last and where OpenAI puts it. A quote inside a
# string is escaped, so these bytes are a member and never a text.
_LAST_NULL = b',"usage":null}\n\n'
_WITHOUT_NULL = b"}\n\n"
_OPENAI_NULL = (b'}],"usage":null,"obfuscation":"', b'}],"obfuscation":"')
_PASSED_NULL = (b'"usage":null', b'"-----":null')  # of the same length, so that what is found is found in its place
# Not where it stands in a text, whose quotes are escaped, and not empty, as some have it until the end.
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"[^"]')
_LATEST = 16
"""Reads of a stream in which a finish reason is looked for, where the provider does not say that it is done."""
_USAGE_CHUNK_FIELDS = ("id", "object", "created", "model", "service_tier", "system_fingerprint")


class _Groq(Struct):
    usage: Raw = Raw()


class _Chunk(Struct):
    """What the gateway looks at in a chunk."""

    choices: Raw = Raw()
    error: Raw = Raw()
    object: Raw = Raw()
    usage: Raw = Raw()
    x_groq: Raw = Raw()


_chunk = msgspec.json.Decoder(_Chunk)
_groq = msgspec.json.Decoder(_Groq)
_fields = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


class Stream:
    """An answer on its way; looks only into frames that have something to tell."""

    __slots__ = (
        "_framer",
        "_held",
        "_hides",
        "_latest",
        "_owed",
        "_sample",
        "_secret",
        "_wanted",
        "ended",
        "error",
        "usage",
    )

    def __init__(self, target: Target, body: Body) -> None:
        self.usage: Usage | None = None
        self.error: GatewayError | None = None
        self._framer = sse.Framer()
        self._latest: deque[bytes] = deque(maxlen=_LATEST)
        self._secret = target.settings.api_key
        self._wanted = body.wants_usage
        self._hides = not body.wants_usage and target.settings.stream_usage == "ask"
        self._owed = b""
        """The chunk with usage that the client gets at the end."""
        self._held = b""
        """`[DONE]`, while the usage that comes before it is being counted."""
        self._sample = b""
        """The first frame, for a chunk with usage that the gateway counted."""
        self.ended = False
        """Nothing is read any more: `[DONE]` came, or an error."""

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the provider has not told it."""
        return self._wanted and self.usage is None and self.error is None

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give the frames that are whole."""
        if self.ended:
            return b""
        try:
            frames = self._framer.feed(data)
        except sse.FrameTooLarge:
            return self._fail(UpstreamError("The provider's stream has an event that is too large."))
        if not frames:
            return b""
        self._latest.append(frames)
        if self._wanted and not self._sample:
            self._sample = frames
        usage, silent = frames.find(b'"usage"'), 0
        if usage >= 0:
            frames, usage, silent = self._without_nulls(frames)
        error = frames.find(b"error")
        done = frames.find(b"[DONE]", silent)
        if usage < 0 and error < 0 and done < 0:
            return frames
        blank = frames.rfind(b"\n\n", 0, min(at for at in (usage, error, done) if at >= 0))
        # Where line ends pile up, only reading from the start tells which of them end a frame.
        start = 0 if blank < 0 or frames[blank - 1 : blank] in _LINE_ENDS else blank + 2
        return b"".join((memoryview(frames)[:start], *map(self._frame, sse.split(frames[start:]))))

    def _without_nulls(self, frames: bytes) -> tuple[bytes, int, int]:
        """Frames without the nulls that only our question brought, and where they tell usage, -1 where they do not.

        Last how many bytes at their beginning are frames that had such a null: those are not `[DONE]` either.
        """
        if not self._hides:
            return frames, frames.replace(*_PASSED_NULL).find(b'"usage"'), 0
        silent = 0
        *nulled, rest = frames.split(_LAST_NULL)
        if nulled:
            plain = _WITHOUT_NULL.join((*nulled, b""))
            frames = plain + rest
            lines = b"".join(nulled)
            if sse.LF not in lines and sse.CR not in lines:  # nothing else stands between them
                silent = len(plain)
        usage = frames.find(b'"usage"', silent)
        if usage >= 0 and frames.find(b'"usage":null', usage) >= 0:
            frames, silent = frames.replace(*_OPENAI_NULL), 0  # it may have shortened those too
            usage = frames.find(b'"usage"')
        return frames, usage, silent

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give the frame it left open, the usage that is owed and `[DONE]`.

        Where it told neither `[DONE]` nor a finish reason, its answer is not whole, which is an error.
        """
        tail = b"" if self.ended else self._last_frames()
        if self._held and counted is not None:
            tail += sse.write(_counted_chunk(self._sample, counted))
        tail += self._held
        self._held = b""
        return tail

    def _last_frames(self) -> bytes:
        last = self._framer.close()
        if not last.strip():
            return last + self._finish_untold()
        if last.lstrip().startswith(b":"):
            return self._finish_untold()
        data = sse.parse(last).data
        if data is None or not (data.strip() == b"[DONE]" or _is_object(data)):
            return self._fail(StreamIncomplete("The provider's stream ended in the middle of an event."))
        self._latest.append(last)
        shown = self._frame(last.rstrip(b"\r\n") + b"\n\n")
        return shown if self.ended else shown + self._finish_untold()

    def _finish_untold(self) -> bytes:
        """The end of a stream that has no `[DONE]`."""
        return self._finish(DONE) if any(map(_FINISH.search, self._latest)) else self._fail(StreamIncomplete())

    def _frame(self, frame: bytes) -> bytes:
        """What the client gets for one frame."""
        if self.ended:
            return b""
        if frame == DONE:
            return self._finish(frame)
        event = sse.parse(frame)
        if event.data is None:
            return frame
        if event.data.strip() == b"[DONE]":
            return self._finish(frame)
        try:
            chunk = _chunk.decode(event.data)
        except (msgspec.DecodeError, RecursionError):
            return self._fail(explain_inside(event.data)) if event.name == b"error" else frame
        if event.name == b"error" or tells_error(chunk.error) or bytes(chunk.object) == b'"error"':
            return self._fail(explain_inside(event.data))
        return self._metered(frame, event.data, chunk)

    def _metered(self, frame: bytes, data: bytes, chunk: _Chunk) -> bytes:
        """Read a chunk's usage, and show the client what it should see of it."""
        told = _told_usage(chunk)
        if told:
            self.usage = read_usage(told) or self.usage
        alone = chunk.choices in _NO_CHOICES
        if self._hides and chunk.usage == _NULL:
            return sse.with_data(frame, _without_usage(data))
        if self._hides and chunk.usage and alone:
            return b""
        if not self._wanted or not told:
            return frame
        if alone:
            self._wanted = False
            self._owed = b""
            return frame
        self._owed = sse.write(_usage_chunk(data, told))
        return sse.with_data(frame, _with_usage_null(data)) if chunk.usage else frame

    def _finish(self, done: bytes) -> bytes:
        self.ended = True
        if self.owes_usage:
            self._held = done
            return b""
        return self._owed + done

    def _fail(self, error: UpstreamError) -> bytes:
        redact(error, self._secret)
        self.error = error
        self.ended = True
        return sse.write(error.body())


def _told_usage(chunk: _Chunk) -> Raw:
    """The usage that a chunk tells, empty where it tells none.

    Groq tells it unasked in a member of its own: https://console.groq.com/docs/api-reference#chat-create
    """
    if chunk.usage and chunk.usage != _NULL:
        return chunk.usage
    try:
        usage = _groq.decode(chunk.x_groq).usage if chunk.x_groq else _NULL
    except msgspec.DecodeError:
        return Raw()
    return usage if usage != _NULL else Raw()


def _without_usage(data: bytes) -> bytes:
    fields = _fields.decode(data)
    del fields["usage"]
    return _encode(fields)


def _with_usage_null(data: bytes) -> bytes:
    return _encode(_fields.decode(data) | {"usage": _NULL})


def _usage_chunk(data: bytes, usage: Raw) -> bytes:
    """The last chunk as OpenAI writes it, from the one in which the provider told usage."""
    fields = _fields.decode(data)
    head = {name: fields[name] for name in _USAGE_CHUNK_FIELDS if name in fields}
    return _encode(head | {"choices": _NO_CHOICES[0], "usage": usage})


def _is_object(data: bytes) -> bool:
    try:
        _chunk.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _counted_chunk(frames: bytes, usage: Usage) -> bytes:
    """The last chunk as OpenAI writes it, with tokens that the gateway counted."""
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    for frame in sse.split(frames):
        data = sse.parse(frame).data
        if data is not None and _is_object(data):
            return _usage_chunk(data, Raw(_encode(counts)))
    return _usage_chunk(b"{}", Raw(_encode(counts)))
