"""Embeddings through batchEmbedContents: https://ai.google.dev/api/embeddings"""

from typing import Any

import msgspec

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.gemini.schema import read_vectors
from adapters.wire.body import Body, decode_field
from adapters.wire.embeddings import read_embeddings, wants_base64, write_embeddings
from adapters.wire.errors import UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import UNSUPPORTED, Fields, Support, drops_for
from adapters.wire.usage import Usage

FIELDS: Fields = {
    "model": Support("mapped", "stands in the URL"),
    "input": Support("mapped", "text only"),
    "dimensions": Support("mapped", "`outputDimensionality`"),
    "encoding_format": Support("emulated", "base64 is made here"),
    "task_type": Support("mapped", "the service's own: `taskType`"),
    "title": Support("mapped", "the service's own"),
    "user": UNSUPPORTED,
}

_RESERVED = frozenset({"model", "content", "contents", "requests"})
_text = msgspec.json.Decoder(str | None)
_encode = msgspec.json.Encoder().encode


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """A request for a vector of each text; the members of `gemini` go into each.

    Raises BadRequest on what is no text, and UnsupportedParameter where the target is to refuse.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, FIELDS, "gemini")
    model = target.model if "/" in target.model else f"models/{target.model}"
    same: dict[str, Any] = {"model": model} | settings_of(body, request.dimensions)
    same |= vendor_extras(body, "gemini", _RESERVED)
    return Encoded(
        _encode({"requests": [same | {"content": content_of(text)} for text in request.texts]}), drops.dropped
    )


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form, and usage where the model tells it. Raises UpstreamError on an answer of none."""
    try:
        answer = read_vectors(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no embeddings.") from None
    told = answer.usage_metadata.prompt_token_count if answer.usage_metadata is not None else None
    usage = Usage(told) if told is not None else None
    embeddings = answer.embeddings or ([answer.embedding] if answer.embedding is not None else [])
    vectors = [each.values for each in embeddings]
    return Answer(write_embeddings(vectors, target.model, usage, wants_base64(body)), usage)


def content_of(text: str) -> dict[str, Any]:
    """A text as a content."""
    return {"parts": [{"text": text}]}


def settings_of(body: Body, dimensions: int | None) -> dict[str, Any]:
    """What else a request may say of its vectors."""
    told = {
        "outputDimensionality": dimensions,
        "taskType": decode_field(body.fields, "task_type", _text),
        "title": decode_field(body.fields, "title", _text),
    }
    return {name: value for name, value in told.items() if value is not None}
