"""Embeddings in OpenAI's format: as they are, and in base64 also from providers that only know numbers."""

import msgspec
from msgspec import Raw

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.openai.request import adapt
from adapters.inference.openai.response import decode
from adapters.wire.body import Body, decode_field
from adapters.wire.embeddings import pack, wants_base64
from adapters.wire.errors import BadRequest, UnsupportedParameter
from adapters.wire.usage import read_input_usage

_encode = msgspec.json.Encoder().encode
_inputs = msgspec.json.Decoder(str | list[Raw])
_fields = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[dict[str, Raw]])
_NUMBERS = (b'"embedding":[', b'"embedding": [')


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """An embeddings request as the target takes it.

    A provider that knows no `encoding_format` is not sent one, and what it answers is brought into the form. Raises
    UnsupportedParameter for `dimensions` where the provider does not know them, because vectors of another length are
    of no use, and BadRequest for token ids where it takes only text.
    """
    settings = target.settings
    if not settings.embeddings.token_input:
        _refuse_token_ids(body)
    if "dimensions" in settings.unsupported and bytes(body.fields.get("dimensions", b"null")) != b"null":
        raise UnsupportedParameter(
            f"Unsupported parameter: 'dimensions' is not supported by the provider '{target.provider}'.",
            param="dimensions",
        )
    if "encoding_format" in settings.unsupported and "encoding_format" in body.fields:
        body = body.without("encoding_format")
    fields, dropped = adapt(body, target)
    return Encoded(_encode(fields), dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The provider's answer, and its usage; numbers become base64 where the client asked for that.

    Raises UpstreamError as `decode` does, and on vectors that are none.
    """
    answer = decode(raw, target, body, read_input_usage)
    if "encoding_format" not in body.fields or not any(raw.find(each) >= 0 for each in _NUMBERS):
        return answer
    return Answer(_packed(raw), answer.usage) if wants_base64(body) else answer


def _packed(raw: bytes) -> bytes:
    fields = _fields.decode(raw)
    try:
        items = _items.decode(fields["data"])
    except (KeyError, msgspec.DecodeError):
        return raw
    for item in items:
        vector = item.get("embedding")
        if vector is not None and bytes(vector)[:1] == b"[":
            item["embedding"] = Raw(_encode(pack(vector)))
    fields["data"] = Raw(_encode(items))
    return _encode(fields)


def _refuse_token_ids(body: Body) -> None:
    inputs = decode_field(body.fields, "input", _inputs)
    first = bytes(inputs[0])[:1] if isinstance(inputs, list) and inputs else b""
    if first == b"[" or first.isdigit():
        raise BadRequest(
            "This provider takes text only: 'input' must be a string or an array of strings, not of token ids.",
            param="input",
            code="unsupported_value",
        )
