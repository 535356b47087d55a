"""Moderations at providers of OpenAI's dialect: the request with the target's model, the answer byte for byte."""

import msgspec

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.openai.request import adapt
from adapters.inference.openai.response import decode
from adapters.wire.body import Body
from adapters.wire.usage import Usage

_encode = msgspec.json.Encoder().encode
_FREE = Usage()
"""OpenAI tells no tokens for moderations, and bills none. https://platform.openai.com/docs/guides/moderation"""


def encode_moderations(body: Body, target: Target) -> Encoded:
    """A moderation request as the target takes it. Raises UnsupportedParameter where the settings say to refuse."""
    fields, dropped = adapt(body, target)
    return Encoded(_encode(fields), dropped)


def decode_moderations(raw: bytes, target: Target, body: Body) -> Answer:
    """The provider's answer as it is. Raises UpstreamError on what is no JSON object or says an error."""
    answer = decode(raw, target, body)
    return Answer(answer.body, answer.usage or _FREE)
