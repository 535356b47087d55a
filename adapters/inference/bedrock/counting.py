"""Tokens of a request in Anthropic's format, counted by the service for Claude.

https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
"""

from base64 import b64encode

import msgspec
from msgspec import Raw, Struct

from adapters.inference.anthropic import passthrough
from adapters.inference.bedrock.claude import MESSAGES, InvokeStream
from adapters.inference.bedrock.families import foundation_of
from adapters.inference.bedrock.urls import locate
from adapters.inference.contract import Answer, Codec, Encoded, Target
from adapters.wire.body import Body
from adapters.wire.errors import UpstreamError

_ANY_BOUND = Raw(b"1")
"""The body has to be one that could be asked, and counting sets no bound of the answer."""

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw])


class _Count(Struct):
    tokens: int = msgspec.field(name="inputTokens")


_count = msgspec.json.Decoder(_Count)


def _url(target: Target, body: Body) -> str:
    """The operation knows models, and not the inference profiles of several regions."""
    return locate(target.settings.base_url or "", foundation_of(target.model), "count-tokens")


def _encode_count(body: Body, target: Target) -> Encoded:
    asked = MESSAGES.encode(body, target)
    fields = {"max_tokens": _ANY_BOUND} | _fields.decode(asked.body)
    counted = {"input": {"invokeModel": {"body": b64encode(_encode(fields)).decode()}}}
    return Encoded(_encode(counted), asked.dropped, asked.headers)


def _decode_count(raw: bytes, target: Target, body: Body) -> Answer:
    try:
        tokens = _count.decode(raw).tokens
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamError("The provider's answer has no count of tokens.") from None
    return Answer(_encode({"input_tokens": tokens}))


COUNT_TOKENS = Codec(
    _url,
    _encode_count,
    _decode_count,
    InvokeStream,
    serves=MESSAGES.serves,
    stream_error=passthrough.stream_error,
)
