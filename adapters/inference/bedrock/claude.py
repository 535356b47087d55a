"""Anthropic's own format on Bedrock: InvokeModel takes it with the model in the URL and a version in the body, and
wraps the events of a stream. Other models are asked over Converse.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

from base64 import b64decode

import msgspec
from msgspec import Raw, Struct

from adapters.framing.event_stream import DamagedStream, Messages
from adapters.inference.anthropic import passthrough
from adapters.inference.bedrock.errors import explain_inside
from adapters.inference.bedrock.families import family_of
from adapters.inference.bedrock.urls import MEDIA_TYPE, at
from adapters.inference.contract import Codec, Encoded, Target
from adapters.wire.body import Body
from adapters.wire.errors import GatewayError, UpstreamError
from adapters.wire.redaction import redact
from adapters.wire.usage import Usage

_VERSION = Raw(b'"bedrock-2023-05-31"')

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw])


class _Chunk(Struct):
    """An event as it is wrapped; padding beside it is ignored."""

    bytes: str = ""


class _Event(Struct):
    type: str = ""


_chunk = msgspec.json.Decoder(_Chunk)
_event = msgspec.json.Decoder(_Event)


def _is_claude(target: Target) -> bool:
    return family_of(target.model).claude is not None


def _encode_own(body: Body, target: Target) -> Encoded:
    passed = passthrough.encode(body, target)
    fields = {"anthropic_version": _VERSION} | _fields.decode(passed.body)
    fields.pop("model")
    fields.pop("stream", None)
    return Encoded(_encode(fields), passed.dropped, passed.headers)


class InvokeStream:
    """Unwraps the events of one stream, and hands them on as Anthropic writes them."""

    def __init__(self, target: Target, body: Body) -> None:
        self._messages = Messages()
        self._inner = passthrough.MessagesStream(target, body)
        self._error: GatewayError | None = None
        self._secret = target.settings.api_key

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        return self._inner.usage

    @property
    def error(self) -> GatewayError | None:
        """An error of the service's, or of the model's."""
        return self._error or self._inner.error

    @property
    def owes_usage(self) -> bool:
        """Never: the format has no way to ask for usage."""
        return False

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give whole events."""
        out = []
        try:
            for message in self._messages.feed(data) if self.error is None else ():
                if self.error is not None:
                    break
                if message.headers.get(":message-type") == "event":
                    out.append(self._inner.feed(_written(message.payload)))
                else:
                    out.append(self._fail(explain_inside(message)))
        except DamagedStream as damage:
            return self._fail(UpstreamError(f"The provider's stream can't be read: {damage}."))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
            out.append(self._fail(UpstreamError("The provider's stream has an event that can't be read.")))
        return b"".join(out)

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: nothing is owed, unless it ended too early."""
        return b"" if self._error is not None else self._inner.close(counted)

    def _fail(self, error: GatewayError) -> bytes:
        redact(error, self._secret)
        self._error = error
        return passthrough.stream_error(error)


def _written(payload: bytes) -> bytes:
    """A wrapped event as a frame; nothing where it wraps none."""
    data = b64decode(_chunk.decode(payload).bytes, validate=True)
    return b"event: %b\ndata: %b\n\n" % (_event.decode(data).type.encode(), data) if data else b""


MESSAGES = Codec(
    at("invoke", "invoke-with-response-stream"),
    _encode_own,
    passthrough.decode,
    InvokeStream,
    MEDIA_TYPE,
    serves=_is_claude,
    stream_error=passthrough.stream_error,
)
