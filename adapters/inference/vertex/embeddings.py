"""Embeddings on Vertex AI: batchEmbedContents for the Gemini family, predict for all others.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.inference.contract import Answer, Encoded, Target
from adapters.inference.gemini import embeddings as gemini
from adapters.inference.gemini.request import merged
from adapters.inference.vertex.urls import is_gemini_embedding
from adapters.wire.body import Body
from adapters.wire.embeddings import EmbeddingsRequest, read_embeddings, wants_base64, write_embeddings
from adapters.wire.errors import UpstreamError
from adapters.wire.extras import vendor_extras
from adapters.wire.fields import drops_for
from adapters.wire.usage import Usage

_RESERVED = frozenset({"model", "content", "contents", "requests", "instances"})
_MOST_CONTENTS = 100
_any = msgspec.json.Decoder(Any)
_encode = msgspec.json.Encoder().encode


class _Statistics(Struct):
    token_count: float | None = None


class _Vector(Struct):
    values: Raw
    statistics: _Statistics | None = None


class _Prediction(Struct):
    embeddings: _Vector


class _Predictions(Struct):
    predictions: list[_Prediction]


_read = msgspec.json.Decoder(_Predictions).decode


def most_inputs(target: Target) -> int | None:
    """How many texts one request takes."""
    return _MOST_CONTENTS if is_gemini_embedding(target.model) else target.settings.embeddings.max_inputs


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """A request for a vector of each text; a text that is too long is refused and not cut, as OpenAI does.

    Raises BadRequest on what is no text, and UnsupportedParameter where the target is to refuse.
    """
    drops = drops_for(body, target.provider, target.settings.on_unsupported)
    body = drops.without(body, target.settings.unsupported)
    request = read_embeddings(body)
    drops.drop_unexpressed(body.fields, gemini.FIELDS, "vertex")
    extras = {name: _any.decode(value) for name, value in vendor_extras(body, "vertex", _RESERVED).items()}
    told = gemini.settings_of(body, request.dimensions)
    make = _contents if is_gemini_embedding(target.model) else _instances
    return Encoded(_encode(make(request, told, extras)), drops.dropped)


def decode_embeddings(raw: bytes, target: Target, body: Body) -> Answer:
    """The vectors in OpenAI's form, and usage. Raises UpstreamError on an answer of none."""
    if is_gemini_embedding(target.model):
        return gemini.decode_embeddings(raw, target, body)
    try:
        predicted = [each.embeddings for each in _read(raw).predictions]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("The provider's answer has no embeddings.") from None
    counts = [each.statistics.token_count for each in predicted if each.statistics is not None]
    usage = Usage(int(sum(count or 0 for count in counts))) if counts else None
    vectors = [each.values for each in predicted]
    return Answer(write_embeddings(vectors, target.model, usage, wants_base64(body)), usage)


def _contents(request: EmbeddingsRequest, told: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
    same = merged({"embedContentConfig": {"autoTruncate": False} | told}, extras)
    requests = [{"content": gemini.content_of(text)} | same for text in request.texts]
    return requests[0] if len(requests) == 1 else {"requests": requests}


def _instances(request: EmbeddingsRequest, told: dict[str, Any], extras: dict[str, Any]) -> dict[str, Any]:
    of_all: dict[str, Any] = {"autoTruncate": False}
    if (dimensions := told.pop("outputDimensionality", None)) is not None:
        of_all["outputDimensionality"] = dimensions
    of_each = {{"taskType": "task_type"}.get(name, name): value for name, value in told.items()}
    instances = [{"content": text} | of_each for text in request.texts]
    return merged({"instances": instances, "parameters": of_all}, extras)
